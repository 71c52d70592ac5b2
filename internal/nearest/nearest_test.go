package nearest_test

import (
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
)

func TestWord(t *testing.T) {
	t.Parallel()
	words := []string{"users", "orders", "order_items"}
	for written, want := range map[string]string{
		"user": "users", "USERS": "users", "odrers": "orders", "orderitems": "order_items", "invoices": "", "": "", "x": "",
	} {
		if got := nearest.Word(written, words); got != want {
			t.Errorf("%q: %q, not %q", written, got, want)
		}
	}
	if got := nearest.Word("users", nil); got != "" {
		t.Errorf("of no words: %q", got)
	}
}
