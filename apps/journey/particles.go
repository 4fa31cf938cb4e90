package journey

import (
	"strings"
	"unicode/utf8"
)

// Korean puts a particle behind a word, and which of two depends on how the word ends when it is read aloud: on a
// consonant or on a vowel. A text that has both, as in "%s이(가)", gets the right one once the word is there.

// A particle is one of them: as it stands in a text, after a consonant, after a vowel.
type particle struct{ both, consonant, vowel string }

var particlePairs = [...]particle{{"이(가)", "이", "가"}, {"을(를)", "을", "를"}, {"은(는)", "은", "는"}, {"과(와)", "과", "와"}, {"(이)라", "이라", "라"}, {"(으)로", "으로", "로"}}

// particles chooses the particles of a text.
func particles(text string) string {
	for _, p := range particlePairs {
		for {
			at := strings.Index(text, p.both)
			if at < 0 {
				break
			}
			chosen := p.vowel
			if end := ending(text[:at]); end == endsInConsonant || end == endsInL && p.vowel != "로" {
				chosen = p.consonant
			}
			text = text[:at] + chosen + text[at+len(p.both):]
		}
	}
	return text
}

// Particles chooses the particles of a Korean text that was put together elsewhere.
func Particles(lang, text string) string {
	if lang == "ko" {
		return particles(text)
	}
	return text
}

// How a word ends. After ㄹ it is 로, as after a vowel.
const (
	endsInVowel = iota
	endsInConsonant
	endsInL
)

// digitEndings are those of 영 일 이 삼 사 오 육 칠 팔 구.
var digitEndings = [10]int{endsInConsonant, endsInL, endsInVowel, endsInConsonant, endsInVowel, endsInVowel, endsInConsonant, endsInL, endsInL, endsInVowel}

// ending is how the last word of a text ends. What stands in brackets behind it is not read, nor are quotes and dots.
func ending(text string) int {
	text = strings.TrimRight(text, " .,:;!?\"'`*/")
	if strings.HasSuffix(text, ")") {
		if open := strings.LastIndexByte(text, '('); open > 0 {
			return ending(text[:open])
		}
	}
	text = strings.TrimRight(text, ")]}>")
	r, n := utf8.DecodeLastRuneInString(text)
	switch {
	case r >= '가' && r <= '힣':
		return hangulEnding(r)
	case r >= '0' && r <= '9':
		return digitEndings[r-'0']
	case r >= 'A' && r <= 'Z': // letter by letter: 엘 엠 엔 알
		return letterEnding(r)
	case r >= 'a' && r <= 'z':
		return latinEnding(text[:len(text)-n], r)
	}
	return endsInVowel
}

// hangulEnding looks at the last of a syllable's three parts.
func hangulEnding(r rune) int {
	switch (r - '가') % 28 {
	case 0:
		return endsInVowel
	case 8:
		return endsInL
	}
	return endsInConsonant
}

func letterEnding(r rune) int {
	switch r {
	case 'L', 'R':
		return endsInL
	case 'M', 'N':
		return endsInConsonant
	}
	return endsInVowel
}

// latinEnding is that of an English word, by how it is written in Korean: 컴 (com) and 서버 (server), and after one vowel
// 넷 (net) beside 루트 (root).
func latinEnding(before string, last rune) int {
	switch {
	case last == 'l':
		return endsInL
	case last == 'm' || last == 'n' || last == 'g' && strings.HasSuffix(before, "n"):
		return endsInConsonant
	case strings.ContainsRune("bckpt", last):
		if rest := strings.TrimRight(before, "aeiou"); len(before)-len(rest) == 1 {
			return endsInConsonant
		}
	}
	return endsInVowel
}
