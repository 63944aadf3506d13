"""The conformance suite: does an implementation of a loss or metric mean what `segloss_ref` says it means?

`textbook` says what is right, in 60-digit arithmetic and without a line of the library; `strategies` draw cases;
`checks` hold an implementation against both; `mutants` show that the checks can fail.
"""
