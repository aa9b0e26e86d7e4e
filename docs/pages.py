"""Writes the pages that are made from the code; a test fails while they differ from it.

docs/codes/, docs/kinds/, docs/lists/, docs/runbook/, docs/safeguards.md, docs/profiles.md, docs/lifecycles.md,
docs/audit-tables.md, and what is deployed of the alerts' table below deploy/observability/.
Run `python docs/pages.py` after a change of what they are made from.
"""  # noqa: INP001 - a script, not a package

import sys
import tomllib
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hub.operations import alerts, rendering  # noqa: E402
from hub.store.tables import LAYOUT, METADATA  # noqa: E402
from schemas import registry  # noqa: E402 - found through the line above when run as a script
from schemas.agreements import profile  # noqa: E402
from schemas.agreements.legal_bases import LegalBasis, legal_bases  # noqa: E402
from schemas.agreements.profile import Profile  # noqa: E402
from schemas.agreements.text import Key, canonical  # noqa: E402
from schemas.catalogue import lists  # noqa: E402
from schemas.codes import tables as codes  # noqa: E402
from schemas.codes.states import TABLES  # noqa: E402
from schemas.errors import CODES, Code  # noqa: E402
from schemas.lifecycles import PROCEDURES, RULES, KindRule, Procedure, State, beside  # noqa: E402
from schemas.lifecycles.clocks import CLOCKS  # noqa: E402
from schemas.lifecycles.suspension import RESUMED, SUSPENDED  # noqa: E402
from schemas.safeguards.rules import SAFEGUARDS, Safeguard  # noqa: E402

DOCS = ROOT / "docs"


def pages() -> dict[str, str]:
    """Every page: path below docs/ -> text. Raises KeyError for a code without a text in docs/codes/texts.toml."""
    texts = tomllib.loads((DOCS / "codes" / "texts.toml").read_text(encoding="utf-8"))
    found = {f"codes/{code}.md": _code(entry, texts[code]) for code, entry in CODES.items()}
    found["codes/README.md"] = _codes()
    found.update({f"kinds/{name}.md": _kind(name) for name in registry.KINDS})
    found["kinds/README.md"] = _kinds()
    found.update({f"lists/{name}.md": _list(name) for name in lists() if name not in TABLES})
    found["safeguards.md"] = _safeguards()
    found["profiles.md"] = _profiles()
    found["lifecycles.md"] = _lifecycles()
    found["audit-tables.md"] = _tables()
    found.update({f"runbook/{one.name}.md": rendering.runbook(one) for one in alerts.load()})
    found["runbook/README.md"] = rendering.index(alerts.load())
    found["../deploy/observability/alerts.yml"] = rendering.rules(alerts.load())
    found["../deploy/observability/grafana/dashboards/liaison.json"] = rendering.dashboard(alerts.load())
    return found


def _code(entry: Code, text: dict[str, str]) -> str:
    return (
        f"# {entry.code}\n\n{entry.words}\n\n"
        f"- **Severity:** {entry.severity}\n- **HTTP status:** {entry.status}\n"
        f"- **Found by:** {text['by']}\n- **What to do:** {text['do']}\n"
    )


def _codes() -> str:
    rows = "".join(f"| [{code}]({code}.md) | {entry.severity} | {entry.words} |\n" for code, entry in CODES.items())
    return (
        "# Codes\n\nA refusal is a code and a pointer, never a value (adr/0008). A code's meaning does not change.\n\n"
        f"| Code | Severity | Meaning |\n|---|---|---|\n{rows}"
    )


def _kinds() -> str:
    rows = "".join(
        f"| [{entry.name}]({entry.name}.md) | {entry.version} | {entry.relation} | {', '.join(entry.purposes)} |\n"
        for entry in registry.KINDS.values()
    )
    return f"# Message kinds\n\n| Kind | Version | Answers | Purposes |\n|---|---|---|---|\n{rows}"


def _list(name: str) -> str:
    found = codes.table(name)
    rows = "".join(
        f"| `{code}` | {row.says['meaning']} | {row.valid_from or ''} | {row.valid_to or ''} |\n"
        for code, row in found.rows.items()
    )
    return (
        f"# {name}\n\n{found.title}\n\n- **Source:** {found.source}\n"
        f"- **Verified:** {'yes' if found.verified else 'no: compare it with the source before you rely on it'}\n"
        f"- **File:** [schemas/codes/tables/{name}.json](../../schemas/codes/tables/{name}.json)\n\n"
        f"| Code | Meaning | From | To |\n|---|---|---|---|\n{rows}"
    )


def _kind(name: str) -> str:
    entry = registry.kind(name)
    schema = registry.json_schema(name)
    lines = [
        f"# {name}, version {entry.version}\n",
        f"{schema['description']}\n",
        f"- **Schema:** `{entry.schema_id}` ([file](../../schemas/json/{entry.file_name}))",
        f"- **Example:** [file](../../schemas/examples/{entry.file_name})",
        f"- **Answers:** {entry.relation}",
        f"- **Purposes:** {', '.join(entry.purposes)}",
        f"- **About a person:** {'yes' if entry.about_person else 'no'}",
        f"- **The hub is told:** {', '.join(('purpose, step', *entry.facts))}\n",
        f"## Rules\n\n{cleandoc(entry.rules.__doc__ or '')}\n",
        f"Where they are from: {cleandoc(sys.modules[entry.model.__module__].__doc__ or '')}\n",
        *_table("Fields", schema),
    ]
    for block, definition in schema["$defs"].items():
        lines += _table(block, definition)
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, block: dict[str, Any]) -> Iterator[str]:
    yield f"## {title}\n"
    if title != "Fields" and "description" in block:
        yield f"{block['description']}\n"
    yield "| Field | | Form |\n|---|---|---|"
    required = set(block.get("required", ()))
    for name, member in block.get("properties", {}).items():
        yield f"| `{name}` | {_times(member, mandatory=name in required)} | {_form(member)} |"
    yield ""


def _times(member: dict[str, Any], *, mandatory: bool) -> str:
    """How often it may stand there: `1`, `?` once or not, `+` once or more, `*` any number of times."""
    if member.get("type") == "array" and (not mandatory or member.get("minItems", 0) > 0):
        return "+" if mandatory else "*"
    return "1" if mandatory else "?"


def _form(member: dict[str, Any]) -> str:
    if "$ref" in member:
        return str(member["$ref"]).rsplit("/", 1)[-1]
    for choice in ("anyOf", "oneOf"):
        if choice in member:
            return " or ".join(_form(option) for option in member[choice])
    if "const" in member:
        return f"`{member['const']}`"
    if "enum" in member:
        names = [*member.get("x-code-lists", ()), *filter(None, [member.get("x-code-table")])]
        lists = [f"([{name}](../lists/{name}.md))" for name in names]
        return " ".join([*(f"`{code}`" for code in member["enum"]), *lists])
    if member.get("type") == "array":
        least, most = member.get("minItems", 0), member.get("maxItems", "")
        return f"list of {least} to {most}: {_form(member['items'])}"
    bounds = [f"{words} {member[key]}" for key, words in _BOUNDS if key in member]
    pattern = [f"`{member['pattern']}`".replace("|", "\\|")] if "pattern" in member else []
    return ", ".join([str(member.get("format", member.get("type", ""))), *bounds, *pattern])


_BOUNDS = (("minLength", "at least"), ("maxLength", "at most"), ("minimum", "from"), ("maximum", "to"))


def _safeguards() -> str:
    return (
        "# Safeguards\n\n"
        "Each is a rule in `schemas/safeguards/`, run at the sender's edge before sealing and shown by\n"
        "`liaison schema check` once `--to` names a recipient. Refusals are told to the sender alone.\n\n"
        "SG8 is the closed list of fields itself, and refusals of data beside the question.\n\n"
        "How much the guard over free texts catches, and holds for nothing, is measured: "
        "[free-text-guard](free-text-guard.md).\n\n" + "\n".join(_safeguard(safeguard) for safeguard in SAFEGUARDS)
    )


def _safeguard(safeguard: Safeguard) -> str:
    codes = ", ".join(f"[{code}](codes/{code}.md)" for code in safeguard.codes)
    return (
        f"## {' and '.join(safeguard.codes)}\n\n{safeguard.about}\n\n"
        f"- **Text behind it:** {safeguard.law}\n- **Codes:** {codes}\n"
    )


def _profiles() -> str:
    loaded = [profile.load(one) for one in profile.ids()]
    rows = "".join(
        f"| [{one.id}](#{one.id.lower()}) | {', '.join(one.parties)} | {one.status} | {one.version} |\n"
        for one in loaded
    )
    return (
        "# Clock profiles\n\n"
        "What each agreement says about time, in the words it was taken from, and how far they were read. How they\n"
        "are counted: [clocks.md](clocks.md). Tags: V the legal text was read (this alone is verified), V_SUMMARY an\n"
        "official summary, V_UNATTRIBUTED a text that does not say whose it is, S a secondary source, K general\n"
        "knowledge, ? nobody knows. A key that a profile does not list is unknown; a protocol has its agreement's\n"
        "keys where it lists none of its own.\n\n"
        f"| Profile | Parties | Status | Version |\n|---|---|---|---|\n{rows}\n"
        + "\n".join(_profile(one) for one in loaded)
        + "\n## Texts of law\n\n"
        "| CELEX | Text | Read | Verified | Applies from | Clocks of its own |\n|---|---|---|---|---|---|\n"
        + "".join(_legal_basis(basis) for basis in legal_bases().values())
    )


def _profile(shown: Profile) -> str:
    top, *below = shown.texts
    over = "".join(f"- **Laid over:** [{text.id}](#{text.id.lower()}), version {text.version}\n" for text in below)
    rows = "".join(_profile_key(key) for key in top.keys.values())
    return (
        f"## {top.id}\n\n{top.title}. {top.status.capitalize()}, version {top.version} of {top.dated}.\n\n"
        f"- **Source:** {top.source}. Read: {top.source_column}\n"
        f"- **In force:** {top.in_force_on.stated} ({top.in_force_on.tag}); first day counted by: "
        f"{top.first_day or 'none, for it is not known'}\n{over}\n"
        f"| Key | Words of the source | Value | Tag | Verified |\n|---|---|---|---|---|\n{rows}"
    )


def _profile_key(key: Key) -> str:
    value = "unknown or none" if key.value is None else f"`{canonical(profile.plain(key.value)).decode()}`"
    note = "" if key.note is None else f" ({key.note})"
    return f"| `{key.name}` | {key.stated}{note} | {value} | {key.tag} | {'yes' if key.verified else 'no'} |\n"


def _legal_basis(basis: LegalBasis) -> str:
    clocks = "; ".join(
        f"{clock.article}: {clock.period.words}"
        + ("" if clock.extension is None else f", extension {clock.extension.words}")
        + ("" if clock.silence is None else f", silence: {clock.silence}")
        for clock in basis.clocks
    )
    return (
        f"| {basis.celex} | {basis.title} | {basis.read} | {'yes' if basis.verified else 'no'} "
        f"| {basis.valid_from or ''} | {clocks} |\n"
    )


def _lifecycles() -> str:
    return (
        "# Life cycles\n\n"
        "Where a case can stand, and what moves it: the tables of `schemas/lifecycles/`. The hub refuses every\n"
        "other move ([STEP_NOT_ALLOWED](codes/STEP_NOT_ALLOWED.md)). A step is the header's `ixmstep`. The same\n"
        "message twice is the same message; a late step is taken, flagged LATE, and changes nothing; one whose\n"
        "parent is not known is refused by the hub and waits at an edge. The recipient's signed hand-over starts a\n"
        "clock; ours warn and close nothing ([ADR 28](adr/0028-our-own-clocks-close-nothing.md)), an agreement's\n"
        "time can end a state ([ADR 69](adr/0069-states-that-end-by-time-are-late-or-are-held.md)).\n\n"
        f"Not drawn: {', '.join(f'`{step}`' for step in beside.LEAVES)}\n"
        "leave every case where it stands, a closed one too. Where a case can be suspended, each open state has a\n"
        "twin `suspended/NAME`: the legal times run on, the other side's answers are taken, and what would carry\n"
        "the case forward waits for `resumed`. Why it is suspended is never sent.\n\n"
        + "\n".join(_lifecycle(procedure) for procedure in PROCEDURES.values())
        + "\n## beside\n\nKinds that stand beside a case of any procedure.\n\n"
        + _rules({kind: rule for kind, rule in RULES.items() if rule.beside})
    )


def _lifecycle(procedure: Procedure) -> str:
    shown = {name: state for name, state in procedure.states.items() if not name.startswith(f"{SUSPENDED}/")}
    twins = len(shown) < len(procedure.states)
    moves = [f"    [*] --> {state}: {step}\n" for step, state in procedure.opening.items()]
    for name, state in shown.items():
        moves += [f"    {name} --> {to}: {', '.join(steps)}\n" for to, steps in _arrows(state).items()]
        moves += [f"    {name} --> [*]\n"] * state.closed
    states = "".join(
        f"| `{name}` | {state.next_actor or 'nobody'} | {'yes' if state.closed else 'no'} "
        f"| {CLOCKS.get((procedure.name, name), 'none')} | {', '.join(map('`{}`'.format, state.clocks)) or 'none'} |\n"
        for name, state in shown.items()
    )
    return (
        f"## {procedure.name}\n\n{procedure.about}{' A case can be suspended.' if twins else ''}\n\n"
        f"```mermaid\nstateDiagram-v2\n{''.join(moves)}```\n\n"
        "| State | Who must act next | Closed | Our clock | Times of the agreement |\n|---|---|---|---|---|\n"
        f"{states}\n{_rules(procedure.rules)}"
    )


def _arrows(state: State) -> dict[str, list[str]]:
    """Where a state leads -> the steps, and the ends of times, that lead there."""
    found: dict[str, list[str]] = {}
    for step, to in state.moves.items():
        if step not in {*beside.LEAVES, SUSPENDED, RESUMED}:
            found.setdefault(to, []).append(f"{step} (late)" if step in state.late else step)
    for key, end in state.clocks.items():
        if end is not None:
            found.setdefault(end, []).append(f"end of {key}")
    return found


def _rules(rules: Mapping[str, KindRule]) -> str:
    rows = "".join(
        f"| [{kind}](kinds/{kind}.md) | {_refers(rule)} | {rule.by or 'either'} | {', '.join(sorted(rule.steps))} "
        f"| {' '.join(sorted(rule.sender_roles))} | {_facts(rule)} | {'several' if rule.many_recipients else 'one'} |\n"
        for kind, rule in rules.items()
    )
    head = "| Kind | Refers to | Side | Steps | Sent by | Facts | Recipients |\n|---|---|---|---|---|---|---|\n"
    return head + rows


def _refers(rule: KindRule) -> str:
    if not rule.replies_to:
        return "nothing"
    return f"{rule.answers}: {'nearly any kind' if len(rule.replies_to) > 10 else ', '.join(rule.replies_to)}"


def _facts(rule: KindRule) -> str:
    return ", ".join([*rule.facts, *(f"{fact}?" for fact in rule.may_facts)]) or "none"


def _tables() -> str:
    """The hub's database for whoever reads it without us."""
    lines = [
        "# The tables of the hub's database\n",
        f"Layout {LAYOUT} (`meta`, row `layout`). One SQLite file, `hub.db`; an auditor opens a copy, or the file",
        "itself read-only beside the running hub. Instants are whole seconds since 1970 (UTC); digests, hashes and",
        "look-ups are 32 bytes; `idx` is a leaf's index. What is sealed opens with keys that are not in this file.\n",
        "**Evidence** are `leaf` and `checkpoint`, with what leaves commit to: `statement`, and `message` while its",
        "container is in transit. `liaison audit verify` reads `leaf`, `checkpoint`, `tile` and `message`; their",
        "columns keep their meaning within a layout. Every other table either follows from the leaves, as its text",
        "then says (recompute it, or run `liaison hub rebuild DIR --check`), or is what the hub needs to work and",
        "proves nothing.\n",
    ]
    for table in METADATA.tables.values():
        about = str(table.comment)
        lines += [
            f"## {table.name}\n",
            f"{about[0].upper()}{about[1:]}.\n",
            "| Column | Type | Key | |",
            "|---|---|---|---|",
        ]
        for column in table.columns:
            key = (
                "primary"
                if column.primary_key
                else ", ".join(f"-> {one.target_fullname}" for one in column.foreign_keys)
            )
            null = "may be NULL; " if column.nullable and not column.primary_key else ""
            lines.append(f"| `{column.name}` | {column.type!s} | {key} | {null}{_cell(column.comment)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def write() -> int:
    """Write every page, remove what no longer belongs; the number of pages."""
    made = pages()
    for folder in ("codes", "kinds", "lists", "runbook"):
        (DOCS / folder).mkdir(exist_ok=True)
        for old in (DOCS / folder).glob("*.md"):
            if f"{folder}/{old.name}" not in made:
                old.unlink()
    for name, text in made.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")
    return len(made)


if __name__ == "__main__":
    sys.stdout.write(f"{write()} pages written\n")
