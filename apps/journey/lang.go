package journey

import (
	"fmt"
	"strings"
)

// Texts are written in English where they are used; korean has the others, by
// their English. To add a text: 1. write it as j.t("..."), 2. add its line to
// korean. A test reads the source and names those that are missing.
//
// To add a language: a table like korean, and a line in tables.

// tables are the texts of the languages other than English.
var tables = map[string]map[string]string{"ko": korean}

// Language is the language that a locale such as "ko_KR.UTF-8" asks for, as
// Options.Lang has it; "en" where there are no texts in it.
func Language(locale string) string {
	lang, _, _ := strings.Cut(strings.ToLower(locale), "_")
	lang, _, _ = strings.Cut(lang, ".")
	lang, _, _ = strings.Cut(lang, "-")
	if tables[lang] != nil {
		return lang
	}
	return "en"
}

// t is a text in the journey's language, with its values.
func (j *Journey) t(english string, values ...any) string {
	return Text(j.o.Lang, english, values...)
}

// Text is a text of the table in a language, with its values; a text that it has not stays as it is.
func Text(lang, english string, values ...any) string {
	text := english
	if other, ok := tables[lang][english]; ok {
		text = other
	}
	if len(values) > 0 {
		text = fmt.Sprintf(text, values...)
	}
	if lang == "ko" {
		text = particles(text)
	}
	return text
}

// n counts things: "1 byte", "2 bytes".
func (j *Journey) n(n int64, what string) string {
	return strings.Replace(j.counted(n, what), "%s", count(n), 1)
}

// counted is the text for so many things, with a %s for the number. Only English tells one from many.
func (j *Journey) counted(n int64, what string) string {
	if other, ok := tables[j.o.Lang]["#"+what]; ok {
		return other
	}
	if n == 1 {
		return "%s " + what
	}
	return "%s " + what + "s"
}
