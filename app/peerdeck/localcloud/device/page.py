"""The status page of a thing; it keeps itself up to date from `/status`."""

from html import escape
from string import Template

from peerdeck.localcloud.device.thing import FIRMWARE, Reading, Thing, duration_text

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$name</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --high: #d9480f; --dim: #808890; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto }
  h1 { font-size: 1.6rem; margin: 0 } p { color: var(--dim); margin: .2rem 0 2rem }
  dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: 1rem }
  dl div { border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem }
  dt { color: var(--dim); font-size: .85rem } dd { margin: 0; font-size: 1.7rem }
  dd small { font-size: .9rem; color: var(--dim) }
  .high { border-color: var(--high) } .high dd { color: var(--high) }
  code { background: var(--line); border-radius: 4px; padding: .1rem .3rem }
</style>
<h1>$name</h1>
<p>Firmware $firmware · up <span id="uptime">$uptime</span> · <span id="time">$time</span></p>
<dl id="readings">$readings</dl>
<p>A demonstration device. Its console: <code>ssh demo@…</code>, password <code>demo</code>.
Bulk data: <a href="/large?mb=16">16 MB</a>.</p>
<script>
  const show = reading => {
    const box = document.createElement("div"), name = document.createElement("dt");
    const value = document.createElement("dd"), unit = document.createElement("small");
    if (reading.high) box.className = "high";
    name.textContent = reading.name;
    value.textContent = reading.value.toFixed(1) + " ";
    unit.textContent = reading.unit;
    value.append(unit); box.append(name, value);
    return box;
  };
  setInterval(async () => {
    try {
      const status = await (await fetch("/status")).json();
      document.getElementById("readings").replaceChildren(...status.readings.map(show));
      document.getElementById("time").textContent = status.time;
    } catch { document.getElementById("time").textContent = "no connection"; }
  }, 2000);
</script>
</html>
""")


def status_page(thing: Thing) -> str:
    return _PAGE.substitute(
        name=escape(thing.name),
        firmware=FIRMWARE,
        uptime=duration_text(thing.uptime_s),
        time=thing.time_text,
        readings="".join(map(_box, thing.readings())),
    )


def _box(reading: Reading) -> str:
    return (
        f"<div{' class=high' if reading.is_high else ''}><dt>{escape(reading.name)}</dt>"
        f"<dd>{reading.value:.1f} <small>{escape(reading.unit)}</small></dd></div>"
    )
