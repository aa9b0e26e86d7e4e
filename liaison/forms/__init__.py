"""Treaty forms on paper: what a readmission or transit message says, in the block order of the agreements' own forms.

Start at `sheets`, which has a form for each kind that has one. A form is a plain object (`sheet`), laid out as HTML
(`page`) and printed by WeasyPrint (`printing`). The print is a copy for people: the signed message decides.
"""
