// Package nearest finds what somebody meant who wrote a name that does not exist.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// longest is how long a written word may be, in bytes: the work grows with the square.
const longest = 64

// Word gives the word with the fewest edits from the one written, at most a third of its length, case aside; or "".
func Word(written string, words []string) string {
	if written == "" || len(written) > longest || len(words) == 0 {
		return ""
	}
	distance := func(word string) int { return edits(strings.ToLower(written), strings.ToLower(word)) }
	best := slices.MinFunc(words, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	if distance(best) > max(1, len(best)/3) {
		return ""
	}
	return best
}

// edits counts the letters to insert, leave out, change or swap with their neighbour to make b of a (optimal string
// alignment).
func edits(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
