"""The crate as a page for people: what happened, what ran, which files there are, how to check them.

A function of the metadata and the entries. The page asks for nothing from outside, and its links lead to files beside it; it
works from a folder that was unpacked on a machine without a network.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import jinja2

from workbench.incident.chain import Entry
from workbench.incident.state import IncidentState

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ root.name }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8886; }
td.number { text-align: right; white-space: nowrap; } code, pre { font-size: .85rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; border: 1px solid #8886; padding: .7rem; } summary { cursor: pointer; } dt { font-weight: 600; }
.severity { font-weight: 600; }
</style>
<script type="application/ld+json">
{{ metadata|safe }}
</script>
</head>
<body>
{% macro line(entity) -%}
{% if "File" in entity["@type"] %}<a href="{{ entity["@id"] }}">{{ entity.name }}</a>
{%- elif entity["@type"] == "PropertyValue" %}{{ entity.name }} = <code>{{ entity.value|tojson }}</code>
{%- else %}{{ entity.name }} <code>{{ entity.identifier or entity.version }}</code>{% endif %}
{%- endmacro %}
<header>
<h1>{{ root.name }}</h1>
<p>{{ root.description }} Opened <time>{{ state.opened }}</time> by {{ state.author }}
{%- if state.closed %}, closed <time>{{ state.closed }}</time>{% endif %}; sealed <time>{{ root.datePublished }}</time>.</p>
<p>Cite as: {{ root.name }}, sealed {{ root.datePublished }}; with the SHA-256 of the bundle it came in.</p>
</header>
<main>
<section><h2>What was found</h2>
{% if findings %}<div class="wide"><table>
<thead><tr><th scope="col">Severity</th><th scope="col">Finding</th><th scope="col">Run</th></tr></thead>
<tbody>{% for finding in findings %}
<tr><td class="severity">{{ finding.severity }}</td>
<td>{% if finding.cell %}<a href="{{ finding.cell }}">{{ finding.statement }}</a>{% else %}{{ finding.statement }}{% endif %}</td>
<td class="number">{% if finding.action %}<a href="{{ finding.action }}">{{ finding.run }}</a>{% else %}{{ finding.run }}
{%- endif %}</td></tr>
{%- endfor %}</tbody></table></div>{% else %}<p>No finding was kept as evidence.</p>{% endif %}
{% if state.dismissed %}<h3>Set aside</h3>
<ul>{% for finding, why in state.dismissed.items() %}<li><code>{{ finding }}</code>: {{ why }}</li>{% endfor %}</ul>{% endif %}
</section>
<section><h2>What ran</h2>
{% for run in runs %}<h3 id="{{ run['@id'][1:] }}">{{ run.name }}</h3>
<p>{{ run.description }}. {{ run.startTime }}{% if run.endTime %} to {{ run.endTime }}{% endif %}.
{%- if run.error %} <strong>{{ run.error }}</strong>{% endif %}</p>
<dl><dt>Runbook</dt><dd>{{ line(run.instrument) }}</dd>
<dt>Given</dt><dd><ul>{% for item in run.object %}<li>{{ line(item) }}</li>{% endfor %}</ul></dd>
<dt>Left behind</dt>
<dd><ul>{% for item in run.result %}<li>{{ line(item) }}</li>{% else %}<li>nothing</li>{% endfor %}</ul></dd></dl>
{% else %}<p>Nothing was run.</p>{% endfor %}
</section>
<section><h2>The record</h2>
<details><summary>{{ entries|length }} entries, each chained to the one before it</summary>
<ol>{% for entry in entries %}
<li><time>{{ entry.time }}</time> {{ entry.author }}: {{ entry.kind }}{% if entry.text %}, {{ entry.text }}{% endif %}</li>
{%- endfor %}</ol></details>
</section>
<section><h2>Files</h2>
<div class="wide"><table>
<thead><tr><th scope="col">File</th><th scope="col">Bytes</th><th scope="col">SHA-256</th></tr></thead>
<tbody>{% for file in files %}
<tr><td><a href="{{ file['@id'] }}">{{ file.path }}</a>{% if file.description %}<br>{{ file.description }}{% endif %}</td>
<td class="number">{{ "{:,}".format(file.contentSize|int) }}</td><td><code>{{ file.sha256 }}</code></td></tr>
{%- endfor %}</tbody></table></div>
</section>
<section><h2>How to check it</h2>
<p>This page proves nothing: it is a file like any other. The signed manifests do.
{%- if guide %} <a href="VERIFY.md">VERIFY.md</a> says how to check them with tools that are not ours. In short:{% endif %}</p>
<pre>python3 verify.py BUNDLE.zip --key signer.pem</pre>
<p>The signer's public key has to reach you by another way than the bundle did.</p>
</section>
</main>
</body>
</html>
"""


def render_preview(
    metadata: Mapping[str, Any], state: IncidentState, entries: Sequence[Entry], cells: Mapping[int, str] | None = None
) -> str:
    """The page.

    Parameters
    ----------
    metadata
        The crate's JSON-LD.
    state
        Where the incident stands.
    entries
        All entries of the incident, in order.
    cells
        Where a notebook's page shows what an entry of that number states.
    """
    by_id = {entity["@id"]: entity for entity in metadata["@graph"]}
    root = by_id["./"]
    runs = [by_id[item["@id"]] for item in listed(root.get("mentions"))]
    environment = jinja2.Environment(autoescape=True)
    return environment.from_string(PAGE).render(
        metadata=script_json(metadata),
        root=root,
        state=state,
        runs=[resolved(run, by_id) for run in runs],
        findings=[kept_finding(body, runs) | {"cell": (cells or {}).get(body["seq"])} for body in state.pinned],
        entries=[{"time": item.time, "author": item.author, "kind": item.kind, "text": entry_text(item)} for item in entries],
        files=[{**by_id[item["@id"]], "path": unquote(item["@id"])} for item in listed(root.get("hasPart"))],
        guide="VERIFY.md" in by_id,
    )


def resolved(run: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An action with the entities that it refers to in the place of their references."""
    lists = {name: [by_id[item["@id"]] for item in listed(run.get(name))] for name in ("object", "result")}
    return {**run, **lists, "instrument": by_id[run["instrument"]["@id"]]}


def listed(value: Any) -> list[Any]:
    """A property's values, of which JSON-LD writes one without its list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def kept_finding(body: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the page shows of a pinned finding; an entry that lacks something shows a gap."""
    finding = body.get("finding")
    finding = finding if isinstance(finding, dict) else {}
    run = body.get("run") or ""
    start = f"#run-{run:04d}-" if isinstance(run, int) else None
    action = next((item["@id"] for item in runs if start and item["@id"].startswith(start)), None)
    said = {name: finding.get(name, "") for name in ("severity", "statement")}
    return {**said, "run": run, "action": action}


def entry_text(entry: Entry) -> str:
    """What the page says of an entry beside its kind."""
    body = entry.body
    finding = body.get("finding")
    statement = finding.get("statement") if isinstance(finding, dict) else finding
    parts = [body.get("title"), body.get("text"), f"run {body['run']}" if body.get("run") else None, statement, body.get("why")]
    return ", ".join(str(part) for part in [*parts, body.get("bundle")] if part)


def script_json(metadata: Mapping[str, Any]) -> str:
    """The metadata for a script element: JSON in which nothing can end that element."""
    text = json.dumps(metadata, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
