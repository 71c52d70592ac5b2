package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// The picture's measures, in pixels.
const (
	chartWidth = 860
	labelWidth = 300 // to the left of the bars
	valueWidth = 150 // to the right of the longest bar
	margin     = 24
	barHeight  = 20
	barStep    = 32
)

// chartStyle makes the picture readable on light and dark pages. It brings its own ground, because a page can be dark
// where the system is light.
const chartStyle = `
  <style>
    text { font: 14px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #1f2328; }
    .ground { fill: #ffffff; stroke: #d1d9e0; }
    .title { font-size: 17px; font-weight: 600; }
    .note, .range { fill: #59636e; font-size: 12px; }
    .label { text-anchor: end; }
    .bar { fill: #afb8c1; }
    .ours { fill: #1a7f37; }
    .bold { font-weight: 600; }
    .axis { stroke: #d1d9e0; }
    .whisker { stroke: #1f2328; stroke-width: 1.5; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .ground { fill: #0d1117; stroke: #3d444d; }
      .note, .range { fill: #9198a1; }
      .bar { fill: #545d68; }
      .ours { fill: #3fb950; }
      .axis { stroke: #3d444d; }
      .whisker { stroke: #f0f6fc; }
    }
  </style>
`

// chart draws the medians of the main round as bars, with a line from the shortest to the longest run on each.
func (r report) chart() string {
	var body strings.Builder
	longest := 0.0
	for _, m := range r.main.ways {
		longest = max(longest, slices.Max(m.seconds))
	}
	scale := (chartWidth - 2*margin - labelWidth - valueWidth) / longest
	y := margin + 14
	for _, s := range []shape{inserts, copies, files} {
		ways := slices.DeleteFunc(slices.Clone(r.main.ways), func(m measured) bool { return m.shape != s })
		if len(ways) == 0 {
			continue
		}
		title := fmt.Sprintf("Seconds to load %s rows from %.0f MB of SQL with %s", thousands(r.main.export.size.Total()),
			r.main.export.megabytes(way{shape: s}), s)
		if s == files {
			title = fmt.Sprintf("Seconds to load %s rows from files", thousands(r.main.export.size.Total()))
		}
		fmt.Fprintf(&body, "  <text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", margin, y, html.EscapeString(title))
		y += 18
		fmt.Fprintf(&body, "  <line class=\"axis\" x1=\"%d\" x2=\"%[1]d\" y1=\"%d\" y2=\"%d\"/>\n",
			margin+labelWidth, y-4, y+len(ways)*barStep-8)
		for _, m := range ways {
			r.bar(&body, m, y, scale)
			y += barStep
		}
		y += 34
	}
	y -= 10
	fmt.Fprintf(&body, "  <text class=\"note\" x=\"%d\" y=\"%d\">%s</text>\n", margin, y, html.EscapeString(r.circumstances()))
	height := y + margin - 4

	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%[1]d\" height=\"%d\" role=\"img\">\n",
		chartWidth, height, height)
	b.WriteString("  <title>Seconds to load, by way</title>")
	b.WriteString(chartStyle)
	fmt.Fprintf(&b, "  <rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", chartWidth-1, height-1)
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	return b.String()
}

func (r report) bar(b *strings.Builder, m measured, y int, scale float64) {
	const left = margin + labelWidth
	class, weight := "bar", ""
	if m.ours {
		class, weight = "bar ours", " bold"
	}
	shortest, longest := left+scale*slices.Min(m.seconds), left+scale*slices.Max(m.seconds)
	baseline, middle := y+15, float64(y)+barHeight/2
	value := fmt.Sprintf("%.2f s", m.median())
	if m.name != m.base {
		value += " · " + r.main.faster(m) + "×"
	}
	fmt.Fprintf(b, "  <text class=\"label%s\" x=\"%d\" y=\"%d\">%s</text>\n", weight, left-10, baseline, html.EscapeString(m.label))
	fmt.Fprintf(b, "  <rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n",
		class, left, y, scale*m.median(), barHeight)
	if len(m.seconds) > 1 {
		fmt.Fprintf(b, "  <line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%[3]v\"/>\n", shortest, longest, middle)
	}
	fmt.Fprintf(b, "  <text class=\"value%s\" x=\"%.1f\" y=\"%d\">%s</text>\n", weight, longest+8, baseline, value)
}
