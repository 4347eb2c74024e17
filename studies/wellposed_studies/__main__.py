"""``python -m wellposed_studies`` is the command ``wellposed``."""

from .cli import main

main(prog_name="wellposed")
