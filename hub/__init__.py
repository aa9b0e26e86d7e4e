"""What happens to a message, on one page. Never imports `adapters`.

    routes_submission   POST /v1/messages: bytes within limits, then container, statement, or a batch of both
    intake, evidence    parse, verify both signatures; then, as a member of a batch: identity, policy, leaf
    policy/             may it pass? pure, told everything
    log/                the writer: whatever queued is one transaction, one signed checkpoint; its COMMIT makes it true
    store/              the tables of that database, and how they are read
    relay, broker/      from the log, in log order, in groups, at least once
    delivery/           lanes of partners that can be called; what was taken, failed or was driven again is a leaf
    routes_inbox        GET /v1/inbox and /v1/leaves, for everybody; asking on acknowledges
    cases/, console/    the same leaves folded to states and clocks; the pages of officers and auditors
    directories, parts, retention, readiness    keys by version, detached parts, what goes when, what is well
    ceremony, settings, wiring, app             how a hub begins, its limits, its parts, its tasks

Who reads for the first time begins with `intake`, then `log.writer`.
"""
