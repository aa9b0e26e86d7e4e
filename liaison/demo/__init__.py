"""Three authorities in three minutes: the demonstration, run through the same commands an operator types.

`programs` starts and ends processes, `world` sets up hub and edges, `story` is what happens, `display` what is seen,
`tampering` spoils copies of the log. Nothing here is imported by hub, edge or auditor.
"""
