"""The one command, the auditor's tools and the demo: joins the other packages, imported by none of them."""
