"""The hub's pages: officers see their own partner's cases, auditors see the log (docs/console.md).

`accounts` signs in and out, `views` logs who looked at which case, `log_entries` reads the log for auditors, `words`
says things in words, `pages` decides what is shown, `chart` draws, `rendering` makes HTML. `hub.routes_console` joins
them; nothing else imports them.
"""
