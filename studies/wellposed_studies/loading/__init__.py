"""Reading users' tables: text files, parquet and npz, and what their columns are.

From the file to the numbers that a study computes with:

1. `text`, `parquet`, `npz` read a file as a `Sheet`: named columns as they are written, and notes
   on how the file was understood. `limits` refuses what is too large before it is expanded.
2. `columns` says what each column is: numbers (also when written as text, see `numbers`),
   categories, dates, or nothing.
3. `target` says what the column to predict is, classes or a quantity, and why; `inputs` which of
   the others are inputs.
4. `preprocessing` makes inputs numbers, fitted on training rows only; `thinning` takes a random
   part of the rows.

`wellposed_studies.loading.own_table` puts these together. What a study registers under
``@study.prepare`` is in `training_sets`, rows to draw from and rows to test on, and in `wide`,
tables with more columns than rows to train on.
"""
