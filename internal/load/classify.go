package load

import "strings"

// statementKind is what a statement is, as far as a load must treat it in a way of its own.
type statementKind uint8

const (
	otherStatement statementKind = iota
	insertStatement
	copyStatement
	truncateStatement
	beginStatement
	commitStatement
	rollbackStatement
	savepointStatement // SAVEPOINT, RELEASE, ROLLBACK TO
	prepareTransaction
	setTransaction
)

// statementInfo is what the head of a statement says.
type statementInfo struct {
	kind   statementKind
	tables [][]string // name parts of the tables that it fills or empties
	name   string     // of what needs a transaction block, as the server calls it
	chain  bool       // COMMIT or ROLLBACK … AND CHAIN
	level  string     // BEGIN and SET TRANSACTION: how the transaction is isolated, "" if not said
	access string     // BEGIN and SET TRANSACTION: READ ONLY or READ WRITE, "" if not said
	copy   *copyInfo
	// unguarded says that foreign keys are not enforced from here on: session_replication_role or triggers are changed.
	unguarded bool
	session   bool // SET or set_config: changes nothing but the session
}

// copyInfo is what a COPY statement says of where its rows come from.
type copyInfo struct {
	from    bool
	program bool
	binary  bool
	columns []string // nil if not given
	plain   bool     // text, without any options
	file    string   // server-side file, "" for STDIN and STDOUT
	fileAt  token    // its place in the text
}

// classify reads the head of one statement, which t stands at the beginning of.
func classify(t *tokens) statementInfo {
	first := t.next()
	for first.kind == otherToken && first.text == "(" {
		first = t.next()
	}
	if first.kind != wordToken {
		return statementInfo{}
	}
	switch first.text {
	case "insert":
		t.accept("into")
		return statementInfo{kind: insertStatement, tables: [][]string{t.relation()}}
	case "copy":
		return classifyCopy(t)
	case "truncate":
		t.accept("table")
		info := statementInfo{kind: truncateStatement}
		for {
			t.accept("only")
			info.tables = append(info.tables, t.relation())
			t.accept("*")
			if !t.accept(",") {
				return info
			}
		}
	case "begin", "start":
		if !t.accept("work") {
			t.accept("transaction")
		}
		return transactionModes(t, beginStatement)
	case "commit", "end", "rollback", "abort":
		return classifyEnd(t, first.text)
	case "savepoint":
		return statementInfo{kind: savepointStatement, name: "SAVEPOINT"}
	case "release":
		return statementInfo{kind: savepointStatement, name: "RELEASE SAVEPOINT"}
	case "prepare":
		if t.accept("transaction") {
			return statementInfo{kind: prepareTransaction}
		}
	case "set", "reset", "select", "alter":
		if first.text == "set" && t.accept("transaction") {
			return transactionModes(t, setTransaction)
		}
		session := first.text == "set" && t.peek().text != "constraints" || first.text == "reset" ||
			first.text == "select" && setsConfig(*t)
		return statementInfo{unguarded: unguards(t), session: session}
	}
	return statementInfo{}
}

// transactionModes reads the modes of a transaction, by the grammar of BEGIN and SET TRANSACTION. What is none of them makes it
// a statement like any other, which the server refuses.
func transactionModes(t *tokens, kind statementKind) statementInfo {
	info := statementInfo{kind: kind}
	var levels []string
	for {
		word := t.next()
		mode := strings.ToUpper(word.text)
		switch {
		case word.kind == endToken, word.kind == otherToken && word.text == ";":
			info.level = strings.Join(levels, ", ")
			return info
		case word.kind == otherToken && word.text == ",":
			continue
		case word.kind != wordToken:
			return statementInfo{}
		}
		switch mode {
		case "READ":
			info.access = "READ " + strings.ToUpper(t.next().text)
			continue
		case "ISOLATION":
			t.accept("level")
			level := strings.ToUpper(t.next().text)
			if level == "READ" || level == "REPEATABLE" {
				level += " " + strings.ToUpper(t.next().text)
			}
			mode = "ISOLATION LEVEL " + level
		case "NOT":
			mode += " " + strings.ToUpper(t.next().text)
		case "DEFERRABLE":
		default:
			return statementInfo{}
		}
		levels = append(levels, mode)
	}
}

// setsConfig tells whether a SELECT that t stands within is one of set_config, as pg_dump writes it.
func setsConfig(t tokens) bool {
	if t.accept("pg_catalog") {
		t.accept(".")
	}
	if !t.accept("set_config") || !t.accept("(") {
		return false
	}
	for tok := t.next(); tok.kind != endToken; tok = t.next() {
		if tok.kind == otherToken && tok.text == "(" { // what else is called here may do anything
			return false
		}
	}
	return true
}

func classifyEnd(t *tokens, word string) statementInfo {
	info := statementInfo{kind: commitStatement, name: "COMMIT"}
	if word == "rollback" || word == "abort" {
		info.kind, info.name = rollbackStatement, "ROLLBACK"
	}
	if t.accept("prepared") {
		return statementInfo{}
	}
	if !t.accept("work") {
		t.accept("transaction")
	}
	if t.accept("to") {
		return statementInfo{kind: savepointStatement, name: "ROLLBACK TO SAVEPOINT"}
	}
	if t.accept("and") && t.accept("chain") {
		info.chain = true
	}
	return info
}

// classifyCopy follows the grammar of COPY, the old one included.
func classifyCopy(t *tokens) statementInfo {
	info := statementInfo{kind: copyStatement, copy: &copyInfo{}}
	info.copy.binary = t.accept("binary")
	if t.parens() == nil {
		if parts := t.relation(); len(parts) > 0 {
			info.tables = [][]string{parts}
		}
		if info.copy.columns = t.columns(); info.copy.columns == nil {
			t.parens()
		}
	}
	info.copy.from = t.accept("from")
	if !info.copy.from {
		info.tables = nil
		t.accept("to")
	}
	info.copy.program = t.accept("program")
	if tok := t.next(); tok.kind == stringToken {
		info.copy.file, info.copy.fileAt = tok.text, tok
	}
	at := t.i
	info.copy.plain = !info.copy.binary
	for !info.copy.binary {
		tok := t.next()
		if tok.kind == endToken || tok.kind == otherToken && tok.text == ";" {
			break
		}
		info.copy.plain = false
		info.copy.binary = tok.kind != otherToken && strings.EqualFold(tok.text, "binary")
	}
	t.i = at
	return info
}

// unguards tells whether a statement that t stands within turns foreign keys off: by the replica role, or by disabling
// triggers.
func unguards(t *tokens) bool {
	const looked = 64 << 10 // bytes
	t.text = t.text[:min(len(t.text), looked)]
	for range 200 {
		switch tok := t.next(); tok.kind {
		case endToken:
			return false
		case wordToken:
			if tok.text == "session_replication_role" {
				return true
			}
			if tok.text == "disable" && t.peek().text == "trigger" {
				return true
			}
		case stringToken, quotedToken:
			if strings.EqualFold(tok.text, "session_replication_role") {
				return true
			}
		}
	}
	return false
}
