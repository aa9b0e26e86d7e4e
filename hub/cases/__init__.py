"""Cases: what the log says about them, folded; one row each for lists, the whole for a page, both again from the log.

`case` is the fold, pure. `projection` keeps each case's row in the transaction of the leaf that changes it. `reading`
gives a partner its own cases and no other's. `rebuilding` folds the whole log anew and compares (docs/adr/0040).
"""
