package shop

// The words that rows are made of. All of them are invented here.

func list(words ...string) [][]byte {
	bytes := make([][]byte, len(words))
	for i, word := range words {
		bytes[i] = []byte(word)
	}
	return bytes
}

var (
	firstNames = list("Ana", "Björn", "Chloé", "D'Arcy", "Émile", "Fatima", "Gülşen", "Hiroshi", "Ingrid", "José",
		"Kwame", "Łukasz", "Mei", "Niamh", "Olga", "Pía", "Quentin", "Ravi", "Søren", "Tomáš", "美咲", "Владимир", "مريم")
	lastNames = list("O'Brien", "García", "Müller", "Nguyen", "Smith", "van der Berg", "Ångström", "Kowalski", "Øverland",
		"Sánchez", "Ito", "Okafor", "Rossi", "Dvořák", "山田", "Иванова", "de la Cruz", "St. John-Smythe", "Yılmaz")
	mailNames = list("ana", "bjorn", "chloe", "d'arcy", "emile", "fatima", "first.last", "hiroshi", "info", "o'brien")
	mailHosts = list("@example.com", "@example.org", "@mail.example.net", "@shop.example")
	themes    = list("dark", "light", "d'or", `say \"hi\"`, `back\\slash`)

	profileEnds = list(`}`, `, "news": true}`, `, "langs": ["en", "fr"]}`, `, "nick": "🦊\n"}`, `, "x": null, "y": {"z": [1.50, -2e3]}}`)
	colours     = list("red", "green", "blue", "crème", "bleu d'azur", "🟣", "none; -- really")
	streets     = list("High Street", "Rue de l'Église", "Hauptstraße", "Calle Mayor", "King's Road", "Via Roma", "大通り")
	cities      = list("London", "Paris", "Zürich", "L'Aquila", "São Paulo", "Kraków", "東京", "Coeur d'Alene")
	countries   = list("GB", "FR", "CH", "IT", "BR", "PL", "JP", "US")
	statuses    = list("new", "paid", "packed", "shipped", "delivered", "returned", "cancelled")
	methods     = list("card", "transfer", "cash", "gift card", "buyer's credit")
	adjectives  = list("Small", "Large", "Wooden", "Steel", "Baker's", "Quiet", "Réversible", "Über", "100% cotton", "3/4\"")
	nouns       = list("Table", "Lamp", "Crêpe pan", "Kettle", "Child's chair", "Shelf", "Notebook", "Umbrella ☂", "Set (a; b)")

	categoryNames = list("Kitchen", "Garden", "Children's", "Café & Thé", "Sale -50%", "Misc; other", "New\nline", "🎁 Gifts")

	// No JSON null among them: in the jsonl format it could not be told from NULL.
	gatewayAnswers = list(
		`{"ok": true, "code": 0}`,
		`{"ok": false, "error": "card declined: \"insufficient\"", "retry": [1, 2, 3]}`,
		`{"ok": true, "path": "C:\\pay\\in", "note": "it's done"}`,
		`[]`, `"just text"`, `12.50`, `{"a": {"b": {"c": [null, true, "é\t\u00fc"]}}}`)

	tagLists = [][][]byte{
		{}, {}, list("new"), list("vip", "eu"), list("it's", "a b", "c,d"), list(`quote "q"`, `back\slash`),
		list("NULL", "", "{x}"), list("emoji 🚀", "line\nbreak"),
	}

	sentences = list(
		"Arrived on time and works as described.", "Would buy it again.", "The colour is not what I expected.",
		"Good value for the price, though the packaging was damaged.", "My daughter's favourite.",
		"Solid, heavy, and well made; a pleasure to use.", "Très bien, livraison rapide.", "Sehr zu empfehlen!",
		"It stopped working after two weeks.", "Customer service answered within the hour.")

	// awkward holds what breaks a careless reader, writer or splitter of scripts.
	awkward = list(
		"", " ", "it's", "''", "'", `"quoted"`, `back\slash`, `ends with \`, `\`, `\\`, `\.`, "before\n\\.\nafter", `\N`, `\n is not a newline`,
		"two\nlines", "three\r\nold\rlines", "tab\there", "NULL", "null", "a;b", "; DROP TABLE users; --", "-- not a comment",
		"/* nor this */", "/*", "*/", ":name", ":'name'", `:"name"`, ":{?name}", "a::text", "$1", "$$", "$body$ x $body$", "E'\\n'",
		"-- fabricate-flush", "\n-- fabricate-flush\n", "x');\nINSERT INTO \"users\" VALUES ('y", "(1, 2),", "),\n(", "\\! ls", "\\i load.sql", "`ls`",
		"%s %d %%", "{}", "{a,b}", "[1]", "🚀", "👩‍👩‍👧‍👦 family", "e\u0301 combining", "日本語", "مرحبا", "\u00a0nbsp", "\ufeffbom", "trailing space ",
		"0", "007", "1e3", "true", "'; \\q", "<b>&amp;</b>", "a,b,\"c\"", "\u2028 separator", "\v\f\b control \x7f")
)
