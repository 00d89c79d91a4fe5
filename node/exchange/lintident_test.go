package exchange

import (
	"strings"
	"testing"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// identifierChecks are all checks of one string, by name.
var identifierChecks = map[string]func(string) fault{
	"jmbg": jmbg, "oib": oib, "egn": egn, "cnp": cnp, "tckn": tckn, "afm": afm, "amka": amka, "nid": albanianNID,
	"codice fiscale": codiceFiscale, "szemelyi": szemelyi, "imei": imei, "imsi": imsi, "phone": e164, "vin": vin, "imo": imo,
	"container": container, "iban": iban, "bic": bic, "lei": lei, "currency": currency, "amount": amount, "chain": chain,
	"base58": base58check, "bech32": bech32, "country": countryCode, "nationality": nationality, "unit": unitAddress,
	"entity": entityName, "case": caseToken, "language": languageTag, "script": script, "email": email, "ip": ipAddress,
	"url": webAddress, "media type": mediaType, "first digits": firstDigits, "last digits": lastDigits, "source": sourceCode,
}

// Examples are those that the standards, registries and their public descriptions print, and variations of them.
var identifierExamples = []struct {
	kind, s string
	want    fault
}{
	{"jmbg", "0101006500006", faultNone},
	{"jmbg", "0101006500007", faultCheck},
	{"jmbg", "3113006500006", faultDate},
	{"jmbg", "010100650000", faultLength},
	{"jmbg", "O101006500006", faultShape},
	{"oib", "33392005961", faultNone},
	{"oib", "33392005962", faultCheck},
	{"egn", "7523169263", faultNone},
	{"egn", "8032056031", faultNone},
	{"egn", "8032056032", faultCheck},
	{"egn", "8019056031", faultDate},
	{"cnp", "1630615123457", faultNone},
	{"cnp", "1630615123458", faultCheck},
	{"cnp", "1632215123457", faultDate},
	{"cnp", "0800101221142", faultShape},
	{"tckn", "17291716060", faultNone},
	{"tckn", "17291716050", faultCheck},
	{"tckn", "07291716092", faultShape},
	{"afm", "094259216", faultNone},
	{"afm", "023456780", faultNone},
	{"afm", "123456781", faultCheck},
	{"afm", "000000000", faultShape},
	{"amka", "01013099997", faultNone},
	{"amka", "01013099999", faultCheck},
	{"amka", "31023099997", faultDate},
	{"nid", "J00101999W", faultNone},
	{"nid", "J05115999K", faultNone},
	{"nid", "J01301999W", faultDate},
	{"nid", "U00101999W", faultShape},
	{"codice fiscale", "RCCMNL83S18D969H", faultNone},
	{"codice fiscale", "RSSMRA85T10A562S", faultNone},
	{"codice fiscale", "RCCMNL83S18D969I", faultCheck},
	{"codice fiscale", "RCCMNL83S18D96", faultLength},
	{"codice fiscale", "RCCMNL83S18D9-9H", faultShape},
	{"imei", "490154203237518", faultNone},
	{"imei", "490154203237517", faultCheck},
	{"imsi", "310150123456789", faultNone},
	{"phone", "+381600000000", faultNone},
	{"phone", "0038160000000", faultShape},
	{"phone", "+0381600000", faultShape},
	{"phone", "+", faultShape},
	{"phone", "+12", faultLength},
	{"phone", "+381 60 000", faultShape},
	{"vin", "1M8GDM9AXKP042788", faultNone},
	{"vin", "1M8GDM9AXKP04278", faultLength},
	{"vin", "1M8GDM9AXKPO42788", faultShape},
	{"imo", "9074729", faultNone},
	{"imo", "9074728", faultCheck},
	{"container", "CSQU3054383", faultNone},
	{"container", "CSQU3054384", faultCheck},
	{"container", "CSQA3054383", faultShape},
	{"iban", "AL47212110090000000235698741", faultNone},
	{"iban", "BA391290079401028494", faultNone},
	{"iban", "BG80BNBG96611020345678", faultNone},
	{"iban", "GB82WEST12345698765432", faultNone},
	{"iban", "GR1601101250000000012300695", faultNone},
	{"iban", "HU42117730161111101800000000", faultNone},
	{"iban", "IT60X0542811101000000123456", faultNone},
	{"iban", "ME25505000012345678951", faultNone},
	{"iban", "MK07250120000058984", faultNone},
	{"iban", "RO49AAAA1B31007593840000", faultNone},
	{"iban", "RS35260005601001611379", faultNone},
	{"iban", "SI56263300012039086", faultNone},
	{"iban", "TR330006100519786457841326", faultNone},
	{"iban", "XK051212012345678906", faultNone},
	{"iban", "RS35260005601001611378", faultCheck},
	{"iban", "RS3526000560100161137", faultLength},
	{"iban", "ZZ35260005601001611379", faultCountry},
	{"iban", "RS35 26000560100161137", faultShape},
	{"bic", "DEUTDEFF", faultNone},
	{"bic", "DEUTDEFF500", faultNone},
	{"bic", "DEUTZZFF", faultCountry},
	{"bic", "deutdeff", faultShape},
	{"lei", "506700GE1G29325QX363", faultNone},
	{"lei", "506700GE1G29325QX364", faultCheck},
	{"currency", "EUR", faultNone},
	{"currency", "USDT2", faultNone},
	{"currency", "eur", faultShape},
	{"amount", "1250.00", faultNone},
	{"amount", "0", faultNone},
	{"amount", "1,250.00", faultShape},
	{"amount", "-1", faultShape},
	{"amount", "01", faultShape},
	{"amount", "1.", faultShape},
	{"amount", "1e5", faultShape},
	{"chain", "eip155:1", faultNone},
	{"chain", bitcoinMainnet, faultNone},
	{"chain", "ethereum", faultShape},
	{"base58", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", faultNone},
	{"base58", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", faultCheck},
	{"base58", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", faultNone},
	{"bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", faultNone},
	{"bech32", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", faultNone},
	{"bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", faultCheck},
	{"bech32", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", faultNone},
	{"country", "GR", faultNone},
	{"country", "XK", faultNone},
	{"country", "EL", faultCountry},
	{"country", "UK", faultCountry},
	{"country", "gr", faultShape},
	{"nationality", "XA", faultNone},
	{"unit", "RS", faultNone},
	{"unit", "RS/police", faultNone},
	{"unit", "RS/", faultLength},
	{"unit", "RS/Police", faultShape},
	{"case", "RS-2026-000123", faultNone},
	{"case", "RS-2026-123", faultShape},
	{"language", "sr-Latn", faultNone},
	{"language", "en_GB", faultShape},
	{"language", "english", faultShape},
	{"language", "und", faultShape},
	{"script", "Cyrl", faultNone},
	{"script", "cyrl", faultShape},
	{"email", "duty@police.rs.example", faultNone},
	{"email", "duty@@police.rs.example", faultShape},
	{"email", "duty@localhost", faultShape},
	{"ip", "192.0.2.1", faultNone},
	{"ip", "2001:db8::1", faultNone},
	{"ip", "192.0.2.256", faultShape},
	{"source", "GR-000", faultNone},
	{"source", "PETROS", faultShape},
}

func TestIdentifiersAreToldRightFromWrong(t *testing.T) {
	for _, e := range identifierExamples {
		if got := identifierChecks[e.kind](e.s); got != e.want {
			t.Errorf("%s %q: fault %q, want %q", e.kind, e.s, got, e.want)
		}
	}
}

func TestNumbersTellTheDayOfBirth(t *testing.T) {
	for _, e := range []struct {
		kind    rogatoryv1.NationalNumberKind
		s, want string
	}{
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_JMBG, "0101006500006", "2006-01-01"},
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMSO, "0101990710008", "1990-01-01"},
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EGN, "7523169263", "1875-03-16"},
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EGN, "8032056031", "1880-12-05"},
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CNP, "1630615123457", "1963-06-15"},
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CNP, "1630615123458", ""},
		{rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_OIB, "33392005961", ""},
	} {
		if got := nationalBirthDate(e.kind, e.s); got != e.want {
			t.Errorf("%s %s: %q, want %q", e.kind, e.s, got, e.want)
		}
	}
}

// TestHungarianWeightsTurnIn1997 computes check digits in the plainest way, since no example is printed officially.
func TestHungarianWeightsTurnIn1997(t *testing.T) {
	for s, rising := range map[string]bool{"1961231000": true, "1970101000": false, "3000101001": false} {
		sum := 0
		for i, c := range s {
			w := 10 - i
			if rising {
				w = i + 1
			}
			sum += w * int(c-'0')
		}
		for d := range 10 {
			want := faultCheck
			if d == sum%11 {
				want = faultNone
			}
			if got := szemelyi(s + itoa(d)); got != want {
				t.Errorf("%s%d: fault %q, want %q", s, d, got, want)
			}
		}
	}
}

func TestMachineReadableZonesOfICAO9303Pass(t *testing.T) {
	zones := map[string][]string{
		"passport": {"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"},
		"card":     {"I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"},
		"TD2":      {"I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"},
		"visa":     {"V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"},
	}
	for name, z := range zones {
		if f := mrz(z); f != faultNone {
			t.Errorf("%s: fault %q", name, f)
		}
		line := len(z) - 1
		if len(z) == 3 {
			line = 1
		}
		bad := append([]string(nil), z...)
		bad[line] = bad[line][:1] + "7" + bad[line][2:]
		if bad[line] == z[line] {
			bad[line] = bad[line][:1] + "8" + bad[line][2:]
		}
		if f := mrz(bad); f != faultCheck {
			t.Errorf("%s with one character changed: fault %q, want check", name, f)
		}
	}
	if f := mrz([]string{"P<UTO"}); f != faultLength {
		t.Errorf("a short zone: fault %q, want length", f)
	}
}

// TestOneWrongDigitIsNoticed changes each digit of numbers whose schemes promise to notice.
func TestOneWrongDigitIsNoticed(t *testing.T) {
	for kind, s := range map[string]string{
		"oib": "33392005961", "imei": "490154203237518", "iban": "RS35260005601001611379", "lei": "506700GE1G29325QX363",
		"amka": "01013099997", "tckn": "17291716060",
	} {
		for i := range len(s) {
			for d := byte('0'); d <= '9'; d++ {
				if s[i] < '0' || s[i] > '9' || s[i] == d {
					continue
				}
				if bad := s[:i] + string(d) + s[i+1:]; identifierChecks[kind](bad) == faultNone {
					t.Errorf("%s %s passes for %s", kind, bad, s)
				}
			}
		}
	}
}

func FuzzIdentifiersNeverPanic(f *testing.F) {
	for _, e := range identifierExamples {
		f.Add(e.s)
	}
	f.Add("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10")
	f.Fuzz(func(t *testing.T, s string) {
		for kind, check := range identifierChecks {
			if check(s) == faultNone && strings.TrimSpace(s) != s && kind != "url" && kind != "media type" {
				t.Errorf("%s accepts blanks around %q", kind, s)
			}
		}
		for k := range rogatoryv1.NationalNumberKind_name {
			nationalNumber(rogatoryv1.NationalNumberKind(k), s)
			nationalBirthDate(rogatoryv1.NationalNumberKind(k), s)
		}
		mrz(strings.Split(s, "\n"))
		wallet(bitcoinMainnet, s)
		wallet("eip155:1", s)
		wallet(s, s)
		if first, after, _, ok := readDate(s); ok && !after.After(first) {
			t.Errorf("date %q ends before it begins", s)
		}
	})
}
