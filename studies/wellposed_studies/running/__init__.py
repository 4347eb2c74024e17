"""From a study to measured cells: the plan, and ways to compute what is in it."""
