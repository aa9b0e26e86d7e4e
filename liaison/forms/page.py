"""A form as one HTML page that needs nothing from anywhere: its styles are inside, it has no links, images or scripts.

Every text of a payload is escaped; nothing a partner writes becomes markup.
"""

from collections.abc import Iterable
from html import escape

from liaison.forms.sheet import Blank, Box, Entry, Form, Group, Line, Lines, Part, Photograph, Run, Table

NOTHING = "\N{EM DASH}"

STYLE = """
@page { size: A4; margin: 18mm 15mm 20mm 18mm;
  @bottom-right { content: counter(page) ' / ' counter(pages); font: 7pt 'DejaVu Sans'; color: #333 } }
html { font: 9pt/1.3 'DejaVu Serif'; color: #000 }
body { margin: 0 }
.head { width: 100%; border-collapse: collapse; margin-bottom: 4mm }
.head td { vertical-align: top; width: 45%; padding: 1mm 4mm 1mm 0 }
.caption { display: block; font: 6.5pt 'DejaVu Sans'; color: #333 }
.dots { display: block; border-bottom: 0.6pt dotted #000; height: 5mm }
h1 { font-size: 14pt; text-align: center; text-transform: uppercase; letter-spacing: 0.6pt; margin: 3mm 0 0.5mm }
.under { text-align: center; margin: 0 0 4mm; font-size: 8.5pt }
.tick { font: 8.5pt 'DejaVu Sans'; margin: 0.6mm 0 }
h2 { font: bold 9pt 'DejaVu Sans'; background: #e6e6e6; border-bottom: 0.8pt solid #000; margin: 0;
  padding: 1.2mm 2mm; break-after: avoid }
section { border: 0.8pt solid #000; margin: 0 0 3mm; box-decoration-break: clone; break-inside: avoid }
h3 { font: bold 8pt 'DejaVu Sans'; margin: 0; padding: 1mm 2mm; border-bottom: 0.4pt solid #888; break-after: avoid }
.entry { display: flex; border-bottom: 0.4pt solid #aaa; padding: 1mm 2mm; break-inside: avoid }
.entry:last-child { border-bottom: none }
.label { font: 7pt/1.4 'DejaVu Sans'; width: 50mm; flex: none; padding-right: 2mm; color: #222 }
.value { flex: 1; overflow-wrap: anywhere }
.value p, td p { margin: 0 }
.surname { text-decoration: underline }
.code { font: 6.8pt 'DejaVu Sans Mono', 'DejaVu Sans'; color: #333 }
.none { padding: 1mm 2mm; margin: 0 }
.photo { float: right; width: 32mm; height: 40mm; border: 0.6pt solid #000; margin: 2mm; padding: 1mm;
  font: 6.5pt 'DejaVu Sans'; text-align: center; overflow: hidden; overflow-wrap: anywhere; box-sizing: border-box }
.photo p { margin: 1mm 0 } .photo .code { font-size: 5.5pt }
.beside { margin-right: 36mm }
.cells { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: 8pt }
.cells th { font: 6.5pt 'DejaVu Sans'; text-align: left; background: #f3f3f3; color: #222 }
.cells th, .cells td { border: 0.4pt solid #888; padding: 0.8mm 1.2mm; vertical-align: top; overflow-wrap: anywhere }
.cells tr { break-inside: avoid }
.note { font: 6.8pt 'DejaVu Sans'; color: #333 }
.head .seal { width: 19mm; padding: 0 }
.emblem { width: 17mm; height: 17mm; border: 0.6pt dashed #888; box-sizing: border-box;
  font: 6pt/17mm 'DejaVu Sans'; text-align: center; color: #555 }
.signatures { display: flex; margin-top: 10mm; break-inside: avoid }
.signatures div { width: 85mm; margin-left: auto; border-top: 0.6pt dotted #000; padding-top: 1mm;
  font: 6.5pt 'DejaVu Sans'; text-align: center }
.notes { font: 6.5pt 'DejaVu Sans'; border-top: 0.4pt solid #000; margin-top: 6mm; padding-top: 1mm }
.notes p { margin: 0.5mm 0 }
"""

FOOT = "Printed from a Liaison message. The signed message decides; this print is a copy for people."


def html(form: Form) -> str:
    """The form's page."""
    heading = f"{escape(form.title)}"
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{heading}</title>"
        f"<style>{STYLE}{_margins(form)}</style></head><body>{_head(form)}"
        f"<h1>{heading}</h1><p class='under'>{_line(form.under)}</p>"
        f"{''.join(map(_box, form.boxes))}{_signatures(form.signatures)}{_notes(form)}</body></html>"
    )


def _margins(form: Form) -> str:
    """What stands on every page: the marks and the title above, what was printed below."""
    return (
        f"@page {{ @top-left {{ content: {_css(form.marks)}; font: 7pt 'DejaVu Sans'; width: 75% }}"
        f" @top-right {{ content: {_css(form.title)}; font: 7pt 'DejaVu Sans' }}"
        f" @bottom-left {{ content: {_css(form.source)}; font: 5.5pt 'DejaVu Sans Mono', 'DejaVu Sans'; width: 90% }}"
        " }"
    )


def _css(text: str) -> str:
    """A text as a CSS string: every sign by its number, so that none ends the string or the style."""
    return '"' + "".join(f"\\{ord(sign):06x}" for sign in text) + '"'


def _head(form: Form) -> str:
    head = form.head
    left = (
        _given(head.authority, "Designation of the authority"),
        _given(head.addressee, "To: designation of the receiving authority"),
    )
    references = "".join(
        f"<span class='caption'>{escape(entry.label)}</span>{_lines(entry.lines)}" for entry in form.references
    )
    day = ", ".join(text for text in (head.place, head.day) if text)
    ticks = "".join(f"<p class='tick'>{'☒' if tick.ticked else '☐'} {escape(tick.label)}</p>" for tick in form.ticks)
    right = (_given(day or None, "Place and date"), references, ticks)
    emblem = "<td class='seal'><div class='emblem'>Emblem</div></td>"
    return f"<table class='head'><tr>{emblem}<td>{''.join(left)}</td><td>{''.join(right)}</td></tr></table>"


def _given(text: str | None, caption: str) -> str:
    shown = "<span class='dots'></span>" if text is None else f"<p style='margin:0'>{escape(text)}</p>"
    return f"<div style='margin-bottom:2mm'>{shown}<span class='caption'>{escape(caption)}</span></div>"


def _box(box: Box) -> str:
    title = f"{box.letter}. {box.title}" if box.letter else box.title
    return f"<section><h2>{escape(title)}</h2>{_parts(box.parts)}</section>"


def _parts(parts: Iterable[Part]) -> str:
    parts = tuple(parts)
    if not parts:
        return f"<p class='none'>{NOTHING}</p>"
    shown = []
    number = 0
    photographs = [part for part in parts if isinstance(part, Photograph)]
    for part in parts:
        match part:
            case Photograph():
                shown.append(f"<div class='photo'><p>Photograph</p>{_lines(part.lines, empty='')}</div>")
            case Entry() | Blank():
                number += 1
                beside = " beside" if photographs and number <= BESIDE_PHOTOGRAPH else ""
                value = _lines(part.lines) if isinstance(part, Entry) else "<span class='dots'></span>"
                shown.append(
                    f"<div class='entry{beside}'><div class='label'>{number}. {escape(part.label)}</div>"
                    f"<div class='value'>{value}</div></div>"
                )
            case Group():
                shown.append(f"<h3>{escape(part.heading)}</h3>{_parts(part.entries)}")
            case Table():
                shown.append(_table(part))
    return "".join(shown)


BESIDE_PHOTOGRAPH = 5
"""Entries that stand beside the photograph's box."""


def _table(table: Table) -> str:
    widths = table.widths or (None,) * len(table.headings)
    headings = "".join(
        f"<th>{escape(heading)}</th>" if width is None else f"<th style='width:{width}%'>{escape(heading)}</th>"
        for heading, width in zip(table.headings, widths, strict=True)
    )
    rows = "".join(f"<tr>{''.join(f'<td>{_lines(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    rows = rows or f"<tr><td colspan='{len(table.headings)}'>{NOTHING}</td></tr>"
    return f"<table class='cells'><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"


def _lines(lines: Lines, *, empty: str = NOTHING) -> str:
    shown = "".join(f"<p>{_line(line)}</p>" for line in lines if line)
    return shown or f"<p>{empty}</p>"


def _line(line: Line) -> str:
    return "".join(map(_run, line))


def _run(run: Run) -> str:
    text = escape(run.text)
    return text if run.style == "plain" else f"<span class='{run.style}'>{text}</span>"


def _signatures(labels: Iterable[str]) -> str:
    return f"<div class='signatures'>{''.join(f'<div>{escape(label)}</div>' for label in labels)}</div>"


def _notes(form: Form) -> str:
    notes = "".join(f"<p>{escape(sign)}: {escape(note)}</p>" for sign, note in form.footnotes.items())
    return f"<div class='notes'>{notes}<p>{FOOT}</p></div>"
