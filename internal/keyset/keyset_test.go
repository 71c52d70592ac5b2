package keyset_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/keyset"
)

const most = 100

// TestSet compares sets with a map, at the ends of their types and across pages.
func TestSet(t *testing.T) {
	t.Parallel()
	room := 1 << 20
	s, other := keyset.New(&room), keyset.New(&room)
	numbers := []int64{0, 1, -1, 63, 64, 65535, 65536, -65536, -65537, 32767, -32768, 1<<31 - 1, -1 << 31, 1<<63 - 1, -1 << 63}
	for i, v := range numbers {
		if s.Has(binaryValue(t, v, 8)) {
			t.Errorf("%d is there before it was added", v)
		}
		s.Add(binaryValue(t, v, 8))
		if i%2 == 0 {
			other.Add(binaryValue(t, v, 8))
		}
	}
	for _, v := range numbers {
		if !s.Has(binaryValue(t, v, 8)) {
			t.Errorf("%d is not there", v)
		}
		if !slices.Contains(numbers, v+2) && s.Has(binaryValue(t, v+2, 8)) {
			t.Errorf("%d is there", v+2)
		}
	}
	if !s.Has(binaryValue(t, -1, 4)) || !s.Has(binaryValue(t, -32768, 2)) || !s.Has(binaryValue(t, -32768, 4)) {
		t.Error("a number of another size is another one")
	}
	got, ok := s.Without(other, most)
	var want []string
	for i, v := range numbers {
		if i%2 == 1 {
			want = append(want, fmt.Sprint(v))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !ok || !slices.Equal(got, want) {
		t.Errorf("the difference is %v, not %v", got, want)
	}
	uuid := []byte("0123456789abcdef")
	s.Add(uuid)
	if !s.Has(uuid) || s.Has([]byte("0123456789abcdee")) {
		t.Error("a UUID is taken for another")
	}
}

// TestRoom holds that a set which outgrows its room is given up, and its room with it.
func TestRoom(t *testing.T) {
	t.Parallel()
	room := 10 * keyset.PageSize
	before := room
	s, other := keyset.New(&room), keyset.New(&room)
	for i := range int64(20) {
		s.Add(binaryValue(t, i<<16, 8))
	}
	if _, ok := s.Without(other, most); ok || room != before {
		t.Errorf("room is %d, was %d", room, before)
	}
	for i := range most + 1 {
		other.Add(binaryValue(t, int64(i), 4))
	}
	if _, ok := other.Without(s, most); ok {
		t.Error("more values to look up than there may be")
	}
}

func binaryValue(t *testing.T, v int64, size int) []byte {
	t.Helper()
	out, ok := copycodec.CodecFor(fmt.Sprint("int", size), true)(nil, fmt.Append(nil, v))
	if !ok {
		t.Fatalf("%d does not fit %d bytes", v, size)
	}
	return out[4:]
}
