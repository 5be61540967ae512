"""The table (Markdown) and the plot (SVG) of what was measured."""
from xml.sax.saxutils import escape


def number(x):
    if x is None or x != x:
        return ''
    return f'{x:,.0f}' if abs(x) >= 100 else f'{x:.3g}'


def mark(figure):
    return {None: '', True: 'met', False: 'missed'}[figure['met']]


def table(results, name):
    out = [f'# Results: {name}', '',
           'Written by `make bench` (bench/README.md says what each line compares). Ratios are medians of the',
           "rounds' ratios, rates and latencies medians of the rounds; latencies in milliseconds.", '',
           '| what | measured | target | |', '|---|---|---|---|']
    for line in results.lines.values():
        for f in line['figures']:
            note = f' ({f["note"]})' if f['note'] else ''
            out.append(f'| {f["what"]} | {number(f["value"])}{f["unit"]}{note} | {f["target"] or "reported"} | {mark(f)} |')
    for key, line in results.lines.items():
        out += ['', f'## {line["title"]} (`{key}`, {line["date"]})', '']
        if line['rows']:
            out += ['| | per second | lowest and highest round | p50 | p95 | p99 | server CPU |', '|---|---|---|---|---|---|---|']
            out += [f'| {r["name"]} | {number(r["rate"])} | {number(r["low"])} to {number(r["high"])} '
                    f'| {number(r["p50"])} | {number(r["p95"])} | {number(r["p99"])} | {number(r["cpu"])} |' for r in line['rows']]
            out.append('')
        out += [f'Verified: {"; ".join(line["verified"])}.', '', f'On {line["facts"]}']
    return '\n'.join(out) + '\n'


def plot(results, name):
    """For each line its rates as bars; below, how far each target was reached."""
    width, left, row = 980, 370, 20
    y, body = 40, []

    def text(x, y, string, anchor='start', size=12, weight='normal'):
        body.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">{escape(string)}</text>')

    def bar(y, length, colour):
        body.append(f'<rect x="{left}" y="{y - 11}" width="{max(length, 1):.1f}" height="14" fill="{colour}"/>')

    text(10, 22, f'evently: {name}', size=15, weight='bold')
    figures = [f for line in results.lines.values() for f in line['figures'] if f['target']]
    text(10, y := y + 14, 'How far each target is reached (1 = the target)', weight='bold')
    for f in figures:
        bound = float(f['target'].split()[1].replace(',', ''))
        share = f['value'] / bound if f['target'][0] == '≥' else bound / max(f['value'], 1e-9)
        y += row
        text(left - 8, y, f['what'] if len(f['what']) < 66 else f['what'][:64] + '…', 'end', 10)
        bar(y, min(share, 2) * 250, '#3a7d44' if f['met'] else '#b5423a')
        text(left + min(share, 2) * 250 + 5, y, f'{number(f["value"])} (target {f["target"]})', size=10)
    body.append(f'<line x1="{left + 250}" y1="62" x2="{left + 250}" y2="{y + 6}" stroke="#444" stroke-dasharray="3 3"/>')
    for line in results.lines.values():
        if not line['rows']:
            continue
        y += row + 16
        text(10, y, f'{line["title"]}, per second', weight='bold')
        most = max(r['rate'] for r in line['rows'])
        for r in line['rows']:
            y += row
            text(left - 8, y, r['name'], 'end', 11)
            bar(y, r['rate'] / most * 380, '#2b6ca3')
            text(left + r['rate'] / most * 380 + 5, y,
                 f'{number(r["rate"])}   p50 {number(r["p50"])} p99 {number(r["p99"])} ms', size=10)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 24}" '
            f'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>' + '\n'.join(body) + '</svg>\n')


def write(results, name):
    folder = results.path.parent
    (folder / f'{results.path.stem}.md').write_text(table(results, name))
    (folder / f'{results.path.stem}.svg').write_text(plot(results, name))
