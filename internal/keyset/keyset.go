// Package keyset is sets of the values of foreign keys that pass by, within a limit of memory.
package keyset

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

const uuidSize = 48 // bytes that a UUID takes in a set, about

// Set is a set of whole numbers, or of UUIDs. Numbers that lie close together take a bit each.
type Set struct {
	room   *int // bytes that may still be taken, by all sets
	pages  map[int64]*bitPage
	number int64 // of the page that was used last
	page   *bitPage
	uuids  map[[16]byte]struct{}
	full   bool // there was no room for all
}

// bitPage is the set of those numbers that differ in their last bits only.
type bitPage [1 << (pageBits - 6)]uint64

const pageBits = 16

// PageSize is how many bytes the numbers take that differ in their last 16 bits only.
const PageSize = 1 << (pageBits - 3)

// New gives a set that takes its memory out of room, in bytes, which several may share. One that finds too little gives up, and its memory back.
func New(room *int) *Set { return &Set{room: room} }

// integer reads a value of COPY's binary format: a whole number's, else false.
func integer(value []byte) (int64, bool) {
	switch len(value) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(value))), true
	case 4:
		return int64(int32(binary.BigEndian.Uint32(value))), true
	case 8:
		return int64(binary.BigEndian.Uint64(value)), true
	}
	return 0, false
}

// Has reports whether a value is there, which is in COPY's binary format: a whole number of 2, 4 or 8 bytes, or a UUID.
func (s *Set) Has(value []byte) bool {
	v, is := integer(value)
	if !is {
		_, has := s.uuids[[16]byte(value)]
		return has
	}
	page := s.page
	if number := v >> pageBits; page == nil || number != s.number {
		if page = s.pages[number]; page == nil {
			return false
		}
		s.number, s.page = number, page
	}
	low := v & (1<<pageBits - 1)
	return page[low/64]&(1<<(low%64)) != 0
}

// Add adds a value, as Has takes one.
func (s *Set) Add(value []byte) {
	if s.full {
		return
	}
	v, is := integer(value)
	if !is {
		s.addUUID([16]byte(value))
		return
	}
	if number := v >> pageBits; s.page == nil || number != s.number {
		page := s.pages[number]
		if page == nil {
			if !s.take(PageSize) {
				return
			}
			if s.pages == nil {
				s.pages = map[int64]*bitPage{}
			}
			page = new(bitPage)
			s.pages[number] = page
		}
		s.number, s.page = number, page
	}
	low := v & (1<<pageBits - 1)
	s.page[low/64] |= 1 << (low % 64)
}

func (s *Set) addUUID(v [16]byte) {
	if _, has := s.uuids[v]; has || !s.take(uuidSize) {
		return
	}
	if s.uuids == nil {
		s.uuids = map[[16]byte]struct{}{}
	}
	s.uuids[v] = struct{}{}
}

// take takes room. Without any the set is given up, and its room given back.
func (s *Set) take(n int) bool {
	if *s.room < n {
		*s.room += len(s.pages)*PageSize + len(s.uuids)*uuidSize
		*s = Set{room: s.room, full: true}
		return false
	}
	*s.room -= n
	return true
}

// Type gives the type of PostgreSQL's that holds the values.
func (s *Set) Type() string {
	if s.uuids != nil {
		return "uuid"
	}
	return "int8"
}

// Without gives the values, as SQL writes them, that are in s and not in other. ok is false if there are more than most, or if s has given up.
func (s *Set) Without(other *Set, most int) (values []string, ok bool) {
	for number, page := range s.pages {
		known := other.pages[number]
		for i, word := range page {
			if known != nil {
				word &^= known[i]
			}
			for ; word != 0; word &= word - 1 {
				if len(values) == most {
					return nil, false
				}
				values = append(values, fmt.Sprint(number<<pageBits+int64(i*64+bits.TrailingZeros64(word))))
			}
		}
	}
	for v := range s.uuids {
		if _, has := other.uuids[v]; !has {
			if len(values) == most {
				return nil, false
			}
			values = append(values, fmt.Sprintf("%x", v))
		}
	}
	return values, !s.full
}
