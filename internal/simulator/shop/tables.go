package shop

import (
	_ "embed"
	"slices"
	"strconv"
)

//go:embed schema.sql
var schema string

// Schema gives the statements that make the shop's tables, as a user's migrations would have made them: keys, unique
// keys, secondary indexes, foreign keys, serial and identity columns.
func Schema() string { return schema }

// table is one table of the shop: its columns in the order of the export, and how to make a row.
type table struct {
	name    string
	columns []string
	fill    func(r *row, x *Export, i int) // i from 0
}

// tables gives the shop's tables, parents before children.
func tables() []table {
	return []table{
		{"users", []string{
			"id", "email", "name", "active", "score", "profile", "tags", "bio", "born", "created_at",
		}, user},
		{"addresses", []string{
			"id", "user_id", "street", "city", "zipCode", "country", "latitude", "isDefault",
		}, address},
		{"categories", []string{"id", "parent_id", "name", "slug", "order"}, category},
		{"products", []string{
			"id", "category_id", "sku", "name", "description", "price", "attributes", "labels", "image", "discontinued",
		}, product},
		{"orders", []string{"id", "user_id", "address_id", "status", "total", "note", "placed_at"}, order},
		{"order_items", []string{"id", "order_id", "product_id", "quantity", "price", "gift"}, orderItem},
		{"payments", []string{"id", "order_id", "method", "amount", "receipt", "gateway", "paid_at"}, payment},
		{"reviews", []string{"id", "product_id", "user_id", "rating", "title", "body", "created_at"}, review},
	}
}

// Tables gives the names of the shop's tables, parents before children.
func Tables() []string {
	return []string{"users", "addresses", "categories", "products", "orders", "order_items", "payments", "reviews"}
}

// exportOrder gives the tables as an export has them: in no order that a foreign key would ask for.
func exportOrder() []table {
	all := tables()
	slices.SortFunc(all, func(a, b table) int { return position(a.name) - position(b.name) })
	return all
}

func position(name string) int {
	return slices.Index([]string{
		"order_items", "users", "reviews", "categories", "orders", "products", "payments", "addresses",
	}, name)
}

// number gives a table's place in Tables; it goes into the random numbers of its rows.
func number(name string) int { return slices.Index(Tables(), name) }

func user(r *row, _ *Export, i int) {
	id := i + 1
	first, last := pick(&r.rng, firstNames), pick(&r.rng, lastNames)
	r.int(id)
	m := r.mark()
	r.scratch = append(r.scratch, pick(&r.rng, mailNames)...)
	r.scratch = append(r.scratch, '.')
	r.scratch = strconv.AppendInt(r.scratch, int64(id), 10)
	r.scratch = append(r.scratch, pick(&r.rng, mailHosts)...)
	r.string(r.since(m))
	m = r.mark()
	r.scratch = append(append(append(r.scratch, first...), ' '), last...)
	r.string(r.since(m))
	r.bool(!r.rng.oneIn(5))
	if r.rng.oneIn(6) {
		r.null()
	} else {
		r.decimal(r.rng.below(20_000) - 5_000)
	}
	if r.rng.oneIn(4) {
		r.null()
	} else {
		m = r.mark()
		r.scratch = append(r.scratch, `{"theme": "`...)
		r.scratch = append(r.scratch, pick(&r.rng, themes)...)
		r.scratch = append(r.scratch, `", "visits": `...)
		r.scratch = strconv.AppendInt(r.scratch, int64(r.rng.below(10_000)), 10)
		r.scratch = append(r.scratch, pick(&r.rng, profileEnds)...)
		r.json(r.since(m))
	}
	r.tags()
	r.prose(3)
	if r.rng.oneIn(3) {
		r.null()
	} else {
		r.date(-10_000, 23_000)
	}
	r.timestamp(true)
}

func address(r *row, x *Export, i int) {
	r.int(i + 1)
	r.reference(x.Size.Users)
	m := r.mark()
	r.scratch = strconv.AppendInt(r.scratch, int64(1+r.rng.below(300)), 10)
	r.scratch = append(append(r.scratch, ' '), pick(&r.rng, streets)...)
	r.string(r.since(m))
	r.string(pick(&r.rng, cities))
	m = r.mark()
	for range 5 {
		r.scratch = append(r.scratch, byte('0'+r.rng.below(10))) // leading zeros matter
	}
	r.string(r.since(m))
	r.string(pick(&r.rng, countries))
	if r.rng.oneIn(3) {
		r.null()
	} else {
		r.decimal(r.rng.below(18_000) - 9_000)
	}
	r.bool(r.rng.oneIn(2))
}

// category refers to a later row of its own table, so that children come before their parents there too.
func category(r *row, x *Export, i int) {
	id, last := i+1, x.Size.Categories
	r.int(id)
	if id == last || r.rng.oneIn(8) {
		r.null()
	} else {
		r.mixedInt(id + 1 + r.rng.below(last-id))
	}
	r.string(pick(&r.rng, categoryNames))
	m := r.mark()
	r.scratch = strconv.AppendInt(append(r.scratch, "category-"...), int64(id), 10)
	r.string(r.since(m))
	r.mixedInt(r.rng.below(100))
}

func product(r *row, x *Export, i int) {
	id := i + 1
	r.int(id)
	if r.rng.oneIn(10) {
		r.null()
	} else {
		r.reference(x.Size.Categories)
	}
	m := r.mark()
	r.scratch = strconv.AppendInt(append(r.scratch, "SKU-"...), int64(1_000_000+id), 10)
	r.string(r.since(m))
	m = r.mark()
	r.scratch = append(append(append(r.scratch, pick(&r.rng, adjectives)...), ' '), pick(&r.rng, nouns)...)
	r.string(r.since(m))
	r.prose(4)
	r.decimal(1 + r.rng.below(99_999))
	m = r.mark()
	r.scratch = append(r.scratch, `{"weight_g": `...)
	r.scratch = strconv.AppendInt(r.scratch, int64(r.rng.below(5_000)), 10)
	r.scratch = append(r.scratch, `, "colour": "`...)
	r.scratch = append(append(r.scratch, pick(&r.rng, colours)...), `"}`...)
	r.json(r.since(m))
	r.tags()
	r.blob(4)
	if r.rng.oneIn(10) {
		r.date(18_000, 2_500)
	} else {
		r.null()
	}
}

func order(r *row, x *Export, i int) {
	r.int(i + 1)
	if i < x.BrokenKeys {
		r.int(x.Size.Users + 1 + i)
	} else {
		r.reference(x.Size.Users)
	}
	if r.rng.oneIn(6) {
		r.null()
	} else {
		r.reference(x.Size.Addresses)
	}
	r.string(pick(&r.rng, statuses))
	r.decimal(100 + r.rng.below(500_000))
	if r.rng.oneIn(12) {
		r.prose(0)
	} else {
		r.null()
	}
	r.timestamp(true)
}

// orderItem spreads the items over the orders in order of id, as a shop's are.
func orderItem(r *row, x *Export, i int) {
	r.int(i + 1)
	r.int(1 + i*x.Size.Orders/max(x.Size.OrderItems, 1))
	if i < x.BrokenKeys {
		r.int(x.Size.Products + 1 + i)
	} else {
		r.reference(x.Size.Products)
	}
	r.mixedInt(1 + r.rng.below(9))
	r.decimal(1 + r.rng.below(99_999))
	r.bool(r.rng.oneIn(20))
}

func payment(r *row, x *Export, _ int) {
	m := r.mark()
	r.scratch = appendUUID(r.scratch, r.rng.next(), r.rng.next())
	r.string(r.since(m))
	r.reference(x.Size.Orders)
	r.string(pick(&r.rng, methods))
	r.decimal(100 + r.rng.below(500_000))
	r.blob(3)
	if r.rng.oneIn(3) {
		r.null()
	} else {
		r.json(pick(&r.rng, gatewayAnswers))
	}
	if r.rng.oneIn(10) {
		r.null()
	} else {
		r.timestamp(false)
	}
}

func review(r *row, x *Export, i int) {
	r.int(i + 1)
	r.reference(x.Size.Products)
	if r.rng.oneIn(5) {
		r.null()
	} else {
		r.reference(x.Size.Users)
	}
	r.mixedInt(1 + r.rng.below(5))
	if r.rng.oneIn(4) {
		r.null()
	} else {
		r.string(pick(&r.rng, awkward))
	}
	m := r.mark()
	for n := 1 + r.rng.below(4); n > 0; n-- {
		r.scratch = append(r.scratch, pick(&r.rng, sentences)...)
		r.scratch = append(r.scratch, ' ')
	}
	r.scratch = append(r.scratch, pick(&r.rng, awkward)...)
	r.string(r.since(m))
	r.timestamp(true)
}

// tags is a text[] of none to three elements.
func (r *row) tags() {
	elements := tagLists[r.rng.below(len(tagLists))]
	r.cells = append(r.cells, cell{kind: array, elements: elements})
}

// prose is a text column: NULL once in nullEvery (never for 0), otherwise plain or awkward.
func (r *row) prose(nullEvery int) {
	switch {
	case nullEvery > 0 && r.rng.oneIn(nullEvery):
		r.null()
	case r.rng.oneIn(3):
		r.string(pick(&r.rng, awkward))
	default:
		r.string(pick(&r.rng, sentences))
	}
}

// blob is a bytea column of up to 31 bytes, NULL but for one in every.
func (r *row) blob(every int) {
	if !r.rng.oneIn(every) {
		r.null()
		return
	}
	m := r.mark()
	for n := r.rng.below(32); n > 0; n-- {
		r.scratch = append(r.scratch, byte(r.rng.next()))
	}
	r.cells = append(r.cells, cell{kind: octets, text: r.since(m)})
}

// date is a day within length days from the day first, counted from 1970.
func (r *row) date(first, length int) {
	m := r.mark()
	r.scratch = appendDay(r.scratch, first+r.rng.below(length))
	r.string(r.since(m))
}

// timestamp is a moment of the years 2023 to 2025: with its zone as exports write it (to the millisecond, Z), or
// without (to the second).
func (r *row) timestamp(zone bool) {
	const first, length = 1_672_531_200, 94_000_000 // 2023-01-01, about three years in seconds
	at := first + r.rng.below(length)
	m := r.mark()
	b := appendDay(r.scratch, at/86_400)
	second := at % 86_400
	if zone {
		b = append(b, 'T')
	} else {
		b = append(b, ' ')
	}
	b = appendTwo(b, second/3600)
	b = appendTwo(append(b, ':'), second/60%60)
	b = appendTwo(append(b, ':'), second%60)
	if zone {
		milli := r.rng.below(1000)
		b = append(b, '.', byte('0'+milli/100))
		b = append(appendTwo(b, milli%100), 'Z')
	}
	r.scratch = b
	r.string(r.since(m))
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// appendDay writes the day, counted from 1970, as 2025-09-01. It is written out because time.Format takes half of the
// time of a whole row. (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, civil_from_days; for days after the year 0.)
func appendDay(b []byte, day int) []byte {
	day += 719_468
	era := day / 146_097
	doe := day % 146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	month := mp + 3
	year := yoe + era*400
	if month > 12 {
		month -= 12
		year++
	}
	b = strconv.AppendInt(b, int64(year), 10)
	b = appendTwo(append(b, '-'), month)
	return appendTwo(append(b, '-'), doy-(153*mp+2)/5+1)
}

// appendUUID writes a random (version 4) UUID.
func appendUUID(b []byte, high, low uint64) []byte {
	const digits = "0123456789abcdef"
	high = high&^0xF000 | 0x4000
	low = low&^(3<<62) | 1<<63
	for i := range 32 {
		word, shift := high, 60-4*i
		if i >= 16 {
			word, shift = low, 60-4*(i-16)
		}
		switch i {
		case 8, 12, 16, 20:
			b = append(b, '-')
		}
		b = append(b, digits[word>>shift&15])
	}
	return b
}
