package psql

// largeTexts is where the text of statements goes that have become large: beside Go's heap, in address space that has room for the
// longest statement. It takes memory only as far as it is written, so that the text grows without ever being copied, and gives it back
// at once. A large text in the heap would be there twice for a moment, each time that it grows, and would be counted as garbage for a while.
type largeTexts struct {
	mapped [][]byte // of full length
}

// grow gives a text that it has taken over to a buffer with room for more bytes.
func (l *largeTexts) grow(text []byte, more int) []byte {
	const slack = 64 << 20 // for what is appended before the length is looked at: no more than a window, and the values of variables
	room, err := mapMemory(maxStatement + slack)
	if err != nil { // there is no such address space, or no more of it
		return append(make([]byte, 0, 2*len(text)+more), text...)
	}
	l.mapped = append(l.mapped, room)
	return append(room[:0], text...)
}

// sweep gives back the memory of all texts but those that levels hold.
func (l *largeTexts) sweep(levels []*level) {
	if len(l.mapped) == 0 {
		return
	}
	held := func(room []byte) bool {
		for _, lv := range levels {
			if within(lv.text, room) || within(lv.prev, room) {
				return true
			}
		}
		return false
	}
	kept := l.mapped[:0]
	for _, room := range l.mapped {
		if held(room) {
			kept = append(kept, room)
		} else {
			_ = unmapMemory(room)
		}
	}
	clear(l.mapped[len(kept):])
	l.mapped = kept
}

// within tells whether a text is the one that begins where room does.
func within(text, room []byte) bool { return cap(text) == len(room) && &text[:1][0] == &room[0] }
