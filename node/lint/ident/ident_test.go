package ident

import (
	"strconv"
	"strings"
	"testing"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// identifierChecks are all checks of one string, by name.
var identifierChecks = map[string]func(string) Fault{
	"jmbg": jmbg, "oib": oib, "egn": egn, "cnp": cnp, "tckn": tckn, "afm": afm, "amka": amka, "nid": albanianNID,
	"codice fiscale": codiceFiscale, "szemelyi": szemelyi, "imei": IMEI, "imsi": IMSI, "phone": E164, "vin": VIN, "imo": IMO,
	"container": Container, "iban": IBAN, "bic": BIC, "lei": LEI, "currency": Currency, "amount": Amount, "chain": Chain,
	"base58": base58check, "bech32": bech32, "country": Country, "nationality": Nationality, "unit": UnitAddress,
	"entity": EntityName, "case": CaseToken, "language": Language, "script": Script, "email": Email, "ip": IP,
	"url": URL, "media type": MediaType, "first digits": FirstDigits, "last digits": LastDigits, "source": SourceCode,
}

// Examples are those that the standards, registries and their public descriptions print, and variations of them.
var identifierExamples = []struct {
	kind, s string
	want    Fault
}{
	{"jmbg", "0101006500006", FaultNone},
	{"jmbg", "0101006500007", FaultCheck},
	{"jmbg", "3113006500006", FaultDate},
	{"jmbg", "010100650000", FaultLength},
	{"jmbg", "O101006500006", FaultShape},
	{"oib", "33392005961", FaultNone},
	{"oib", "33392005962", FaultCheck},
	{"egn", "7523169263", FaultNone},
	{"egn", "8032056031", FaultNone},
	{"egn", "8032056032", FaultCheck},
	{"egn", "8019056031", FaultDate},
	{"cnp", "1630615123457", FaultNone},
	{"cnp", "1630615123458", FaultCheck},
	{"cnp", "1632215123457", FaultDate},
	{"cnp", "0800101221142", FaultShape},
	{"tckn", "17291716060", FaultNone},
	{"tckn", "17291716050", FaultCheck},
	{"tckn", "07291716092", FaultShape},
	{"afm", "094259216", FaultNone},
	{"afm", "023456780", FaultNone},
	{"afm", "123456781", FaultCheck},
	{"afm", "000000000", FaultShape},
	{"amka", "01013099997", FaultNone},
	{"amka", "01013099999", FaultCheck},
	{"amka", "31023099997", FaultDate},
	{"nid", "J00101999W", FaultNone},
	{"nid", "J05115999K", FaultNone},
	{"nid", "J01301999W", FaultDate},
	{"nid", "U00101999W", FaultShape},
	{"codice fiscale", "RCCMNL83S18D969H", FaultNone},
	{"codice fiscale", "RSSMRA85T10A562S", FaultNone},
	{"codice fiscale", "RCCMNL83S18D969I", FaultCheck},
	{"codice fiscale", "RCCMNL83S18D96", FaultLength},
	{"codice fiscale", "RCCMNL83S18D9-9H", FaultShape},
	{"imei", "490154203237518", FaultNone},
	{"imei", "490154203237517", FaultCheck},
	{"imsi", "310150123456789", FaultNone},
	{"phone", "+381600000000", FaultNone},
	{"phone", "0038160000000", FaultShape},
	{"phone", "+0381600000", FaultShape},
	{"phone", "+", FaultShape},
	{"phone", "+12", FaultLength},
	{"phone", "+381 60 000", FaultShape},
	{"vin", "1M8GDM9AXKP042788", FaultNone},
	{"vin", "1M8GDM9AXKP04278", FaultLength},
	{"vin", "1M8GDM9AXKPO42788", FaultShape},
	{"imo", "9074729", FaultNone},
	{"imo", "9074728", FaultCheck},
	{"container", "CSQU3054383", FaultNone},
	{"container", "CSQU3054384", FaultCheck},
	{"container", "CSQA3054383", FaultShape},
	{"iban", "AL47212110090000000235698741", FaultNone},
	{"iban", "BA391290079401028494", FaultNone},
	{"iban", "BG80BNBG96611020345678", FaultNone},
	{"iban", "GB82WEST12345698765432", FaultNone},
	{"iban", "GR1601101250000000012300695", FaultNone},
	{"iban", "HU42117730161111101800000000", FaultNone},
	{"iban", "IT60X0542811101000000123456", FaultNone},
	{"iban", "ME25505000012345678951", FaultNone},
	{"iban", "MK07250120000058984", FaultNone},
	{"iban", "RO49AAAA1B31007593840000", FaultNone},
	{"iban", "RS35260005601001611379", FaultNone},
	{"iban", "SI56263300012039086", FaultNone},
	{"iban", "TR330006100519786457841326", FaultNone},
	{"iban", "XK051212012345678906", FaultNone},
	{"iban", "RS35260005601001611378", FaultCheck},
	{"iban", "RS3526000560100161137", FaultLength},
	{"iban", "ZZ35260005601001611379", FaultCountry},
	{"iban", "RS35 26000560100161137", FaultShape},
	{"bic", "DEUTDEFF", FaultNone},
	{"bic", "DEUTDEFF500", FaultNone},
	{"bic", "DEUTZZFF", FaultCountry},
	{"bic", "deutdeff", FaultShape},
	{"lei", "506700GE1G29325QX363", FaultNone},
	{"lei", "506700GE1G29325QX364", FaultCheck},
	{"currency", "EUR", FaultNone},
	{"currency", "USDT2", FaultNone},
	{"currency", "eur", FaultShape},
	{"amount", "1250.00", FaultNone},
	{"amount", "0", FaultNone},
	{"amount", "1,250.00", FaultShape},
	{"amount", "-1", FaultShape},
	{"amount", "01", FaultShape},
	{"amount", "1.", FaultShape},
	{"amount", "1e5", FaultShape},
	{"chain", "eip155:1", FaultNone},
	{"chain", bitcoinMainnet, FaultNone},
	{"chain", "ethereum", FaultShape},
	{"base58", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", FaultNone},
	{"base58", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", FaultCheck},
	{"base58", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", FaultNone},
	{"bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", FaultNone},
	{"bech32", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", FaultNone},
	{"bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", FaultCheck},
	{"bech32", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", FaultNone},
	{"country", "GR", FaultNone},
	{"country", "XK", FaultNone},
	{"country", "EL", FaultCountry},
	{"country", "UK", FaultCountry},
	{"country", "gr", FaultShape},
	{"nationality", "XA", FaultNone},
	{"unit", "RS", FaultNone},
	{"unit", "RS/police", FaultNone},
	{"unit", "RS/", FaultLength},
	{"unit", "RS/Police", FaultShape},
	{"case", "RS-2026-000123", FaultNone},
	{"case", "RS-2026-123", FaultShape},
	{"language", "sr-Latn", FaultNone},
	{"language", "en_GB", FaultShape},
	{"language", "english", FaultShape},
	{"language", "und", FaultShape},
	{"script", "Cyrl", FaultNone},
	{"script", "cyrl", FaultShape},
	{"email", "duty@police.rs.example", FaultNone},
	{"email", "duty@@police.rs.example", FaultShape},
	{"email", "duty@localhost", FaultShape},
	{"ip", "192.0.2.1", FaultNone},
	{"ip", "2001:db8::1", FaultNone},
	{"ip", "192.0.2.256", FaultShape},
	{"source", "GR-000", FaultNone},
	{"source", "PETROS", FaultShape},
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
		if got := BirthDate(e.kind, e.s); got != e.want {
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
			want := FaultCheck
			if d == sum%11 {
				want = FaultNone
			}
			if got := szemelyi(s + strconv.Itoa(d)); got != want {
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
		if f := MRZ(z); f != FaultNone {
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
		if f := MRZ(bad); f != FaultCheck {
			t.Errorf("%s with one character changed: fault %q, want check", name, f)
		}
	}
	if f := MRZ([]string{"P<UTO"}); f != FaultLength {
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
				if bad := s[:i] + string(d) + s[i+1:]; identifierChecks[kind](bad) == FaultNone {
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
			if check(s) == FaultNone && strings.TrimSpace(s) != s && kind != "url" && kind != "media type" {
				t.Errorf("%s accepts blanks around %q", kind, s)
			}
		}
		for k := range rogatoryv1.NationalNumberKind_name {
			National(rogatoryv1.NationalNumberKind(k), s)
			BirthDate(rogatoryv1.NationalNumberKind(k), s)
		}
		MRZ(strings.Split(s, "\n"))
		Wallet(bitcoinMainnet, s)
		Wallet("eip155:1", s)
		Wallet(s, s)
		if first, after, _, ok := Date(s); ok && !after.After(first) {
			t.Errorf("date %q ends before it begins", s)
		}
	})
}
