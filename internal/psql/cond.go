package psql

import (
	"fmt"
	"strings"
)

// condState is the state of one \if … \endif, named as psql names it.
type condState uint8

const (
	condTrue      condState = iota // in a branch that is taken
	condFalse                      // not yet in one that is taken; a later one may be
	condIgnored                    // one was taken before, or the whole \if stands in a branch not taken
	condElseTrue                   // in an \else that is taken
	condElseFalse                  // in an \else that is not
)

// cond is one \if. Text of a branch not taken is cut from the query buffer when the branch ends: back to what was there when
// the branch began.
type cond struct {
	state condState
	text  int // length of the query buffer
	paren int
}

func (lv *level) active() bool {
	if len(lv.conds) == 0 {
		return true
	}
	st := lv.conds[len(lv.conds)-1].state
	return st == condTrue || st == condElseTrue
}

// discard cuts the query buffer back to where the branch began.
func (lv *level) discard() {
	c := lv.conds[len(lv.conds)-1]
	lv.text, lv.newlineAt, lv.paren = lv.text[:c.text], -1, c.paren
	if c.text == 0 { // psql goes on counting words, but none of them is the next statement's first
		lv.first, lv.anew = lv.first[:0], true
	}
	for n := len(lv.anchors); n > 0 && lv.anchors[n-1].offset > c.text; n-- {
		lv.anchors = lv.anchors[:n-1]
	}
}

func (lv *level) save(c *cond) { c.text, c.paren = len(lv.text), lv.paren }

// branch carries out \if, \elif, \else and \endif. The condition is read only where psql reads it.
func (lv *level) branch(name string, condition func() (bool, error), ignore func() error) error {
	if name == "if" {
		active := lv.active()
		if len(lv.conds) == maxConditions {
			return limit("more than %d \\if within one another", maxConditions)
		}
		c := cond{state: condIgnored}
		lv.save(&c)
		if !active {
			lv.conds = append(lv.conds, c)
			return ignore()
		}
		c.state = condFalse
		lv.conds = append(lv.conds, c)
		ok, err := condition()
		if ok {
			lv.conds[len(lv.conds)-1].state = condTrue
		}
		return err
	}
	if len(lv.conds) == 0 {
		return fmt.Errorf(`\%s: no matching \if`, name)
	}
	c := &lv.conds[len(lv.conds)-1]
	switch name {
	case "elif":
		switch c.state {
		case condTrue:
			lv.save(c)
			c.state = condIgnored
			return ignore()
		case condFalse:
			lv.discard()
			c.state = condTrue
			ok, err := condition()
			if !ok {
				c.state = condFalse
			}
			return err
		case condIgnored:
			lv.discard()
			return ignore()
		}
		return fmt.Errorf(`\elif: cannot occur after \else`)
	case "else":
		switch c.state {
		case condTrue:
			lv.save(c)
			c.state = condElseFalse
		case condFalse:
			lv.discard()
			c.state = condElseTrue
		case condIgnored:
			lv.discard()
			c.state = condElseFalse
		default:
			return fmt.Errorf(`\else: cannot occur after \else`)
		}
	case "endif":
		if c.state != condTrue && c.state != condElseTrue {
			lv.discard()
		}
		lv.conds = lv.conds[:len(lv.conds)-1]
	}
	return nil
}

// condition reads the words of an \if as a boolean; ok is false when they are none.
func condition(words []string) (value, ok bool) { return parseBool(strings.Join(words, " ")) }
