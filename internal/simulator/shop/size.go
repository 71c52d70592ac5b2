package shop

// Size is how many rows each table has. A table with rows needs at least one in each table that it must refer to:
// addresses and orders need users, order_items need orders and products, payments need orders, reviews need products.
type Size struct {
	Users, Addresses, Categories, Products, Orders, OrderItems, Payments, Reviews int
}

// Rows gives a size with exactly total rows, divided as in a shop: few categories, many order items. Every table has a
// row from 8 rows in all on; with fewer, only users have some.
func Rows(total int) Size {
	if total < 8 {
		return Size{Users: max(total, 0)}
	}
	part := func(percent int) int { return max(total*percent/100, 1) }
	s := Size{
		Users: part(9), Addresses: part(10), Categories: part(1), Products: part(4),
		Orders: part(18), Payments: part(14), Reviews: part(5),
	}
	s.OrderItems = total - s.Total()
	return s
}

// Benchmark gives the size that loads are measured with: about 84 MB of SQL.
func Benchmark() Size {
	return Size{Users: 100_000, Products: 20_000, Orders: 250_000, OrderItems: 1_000_000}
}

// Times gives a size of n times as many rows.
func (s Size) Times(n int) Size {
	for _, name := range Tables() {
		*s.of(name) *= n
	}
	return s
}

// Total gives the rows of all tables together.
func (s Size) Total() int {
	total := 0
	for _, name := range Tables() {
		total += *s.of(name)
	}
	return total
}

// Table gives the rows of one table; 0 for a table that the shop does not have.
func (s Size) Table(name string) int {
	if rows := s.of(name); rows != nil {
		return *rows
	}
	return 0
}

// With gives a size with another number of rows in one table; a table that the shop does not have changes nothing.
func (s Size) With(name string, rows int) Size {
	if field := s.of(name); field != nil {
		*field = rows
	}
	return s
}

func (s *Size) of(name string) *int {
	switch name {
	case "users":
		return &s.Users
	case "addresses":
		return &s.Addresses
	case "categories":
		return &s.Categories
	case "products":
		return &s.Products
	case "orders":
		return &s.Orders
	case "order_items":
		return &s.OrderItems
	case "payments":
		return &s.Payments
	case "reviews":
		return &s.Reviews
	}
	return nil
}
