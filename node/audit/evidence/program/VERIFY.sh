#!/bin/sh
# Checks this evidence with openssl alone (Ed25519 and SHA-256), and with check.py where Python is there (ML-DSA as well).
#
#   unzip EVD.asice -d evd && sh evd/VERIFY.sh DIRECTORY
#
# DIRECTORY is the SignedDirectory of the federation, from a member whom you know. Without it, openssl shows that the
# signatures are those of the keys in keys/; whose keys these are, only the directory says.
#
# TSA=ROOTS.pem sh VERIFY.sh DIRECTORY judges time tokens as well: ROOTS.pem are certificates of authorities that you trust about time.
#
# The last line and the exit status: RESULT ok 0, RESULT FAILED 1, RESULT INCOMPLETE 3; 2 for wrong usage.
set -u
directory=${1:-} evidence=${EVIDENCE:-} missing=
case $directory in '' | /*) ;; *) directory=$PWD/$directory ;; esac
case $evidence in '' | /*) ;; *) evidence=$PWD/$evidence ;; esac
if [ $# -gt 1 ] || { [ -n "$directory" ] && [ ! -f "$directory" ]; }; then
	echo "usage: sh VERIFY.sh DIRECTORY, which is one file: ${1:-} is none" >&2
	exit 2
fi
if ! command -v openssl >/dev/null 2>&1; then
	echo "--  to do: install openssl, without which nothing can be checked here"
	echo "RESULT INCOMPLETE"
	exit 3
fi
tsa=${TSA:-}
case $tsa in '' | /*) ;; *) tsa=$PWD/$tsa ;; esac
cd "$(dirname "$0")" || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
failed=0

say() { # say OK|FAIL what
	echo "$1  $2"
	[ "$1" = OK ] || failed=1
}

sha() { openssl dgst -sha256 -binary; }

unb64() { openssl base64 -d -A; }

ed25519() { # ed25519 KEY TEXT SIGNATURE
	openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$2" -sigfile "$3" >/dev/null 2>&1
}

proof() { # proof FILE: the leaf leads to the head, and the log's Ed25519 key has signed the head
	leaf=${1%.tlog-proof}.leaf
	sed -n '2s/^extra //p' "$1" | unb64 | cmp -s - "$leaf" || { say FAIL "$1: another leaf"; return; }
	{ printf '\000'; cat "$leaf"; } | sha >"$tmp/hash"
	sed '1,/^$/d' "$1" >"$tmp/note"
	sed '/^$/,$d' "$tmp/note" >"$tmp/head"
	origin=$(sed -n 1p "$tmp/head")
	size=$(sed -n 2p "$tmp/head")
	index=$(sed -n 's/^index //p' "$1")
	first=$index last=$((size - 1))
	for hash in $(sed -n '4,/^$/p' "$1"); do
		printf %s "$hash" | unb64 >"$tmp/other"
		if [ $((first % 2)) -eq 1 ] || [ "$first" -eq "$last" ]; then
			{ printf '\001'; cat "$tmp/other" "$tmp/hash"; } | sha >"$tmp/next"
			while [ $((first % 2)) -eq 0 ] && [ "$first" -ne 0 ]; do
				first=$((first / 2)) last=$((last / 2))
			done
		else
			{ printf '\001'; cat "$tmp/hash" "$tmp/other"; } | sha >"$tmp/next"
		fi
		mv "$tmp/next" "$tmp/hash"
		first=$((first / 2)) last=$((last / 2))
	done
	sed -n 3p "$tmp/head" | unb64 >"$tmp/root"
	if [ "$index" -lt "$size" ] && [ "$last" -eq 0 ] && cmp -s "$tmp/hash" "$tmp/root"; then
		say OK "$1: leaf $index is in the tree of $size leaves"
	else
		say FAIL "$1: the leaf is not in the tree"
	fi
	sed '1,/^$/d' "$tmp/note" | sed -n '1s/.* //p' | unb64 | tail -c 64 >"$tmp/sig"
	if ed25519 "keys/$(echo "$origin" | tr / _).pem" "$tmp/head" "$tmp/sig"; then
		say OK "$1: $origin signed the head (Ed25519)"
	else
		say FAIL "$1: the head is not signed by $origin"
	fi
}

for file in messages/*/*.tlog-proof leaves/*.tlog-proof; do
	[ -f "$file" ] && proof "$file"
done

for folder in messages/*; do
	[ -f "$folder/signed.bin" ] || continue
	# BatchSignature begins with its field 1: two bytes of tag and length, one more, 3309 bytes ML-DSA-65, 64 bytes Ed25519.
	tail -c +3313 "$folder/signature.bin" | head -c 64 >"$tmp/sig"
	if ed25519 "$folder/signer.pem" "$folder/signed.bin" "$tmp/sig"; then
		say OK "$folder: the sender's Ed25519 half"
	else
		say FAIL "$folder: the sender's Ed25519 half"
	fi
	{ printf 'rogatory/v1/message\000'; cat "$folder/message.bin"; } | sha | openssl base64 -A | tr '+/' '-_' | tr -d = >"$tmp/name"
	if grep -q "\"$(cat "$tmp/name")\"" "$folder"/*.leaf; then
		say OK "$folder: the leaves name this message, $(cat "$tmp/name")"
	else
		say FAIL "$folder: the leaves name another message"
	fi
done

# What existed by when. A certificate that has expired since was good at the token's own time.
for token in times/*.tst; do
	[ -f "$token" ] || continue
	if [ -z "$tsa" ]; then
		echo "--  $token: no certificates of time-stamping authorities were given: TSA=ROOTS.pem sh VERIFY.sh DIRECTORY"
		continue
	fi
	at=$(openssl ts -reply -in "$token" -token_in -text 2>/dev/null | sed -n 's/^Time stamp: //p' | sed 's/\.[0-9]* / /')
	then=$(date -u -d "$at" +%s 2>/dev/null) # where date cannot tell, the certificate must be good today
	if openssl ts -verify -data "${token%.tst}.head" -in "$token" -token_in -CAfile "$tsa" ${then:+-attime "$then"} >/dev/null 2>&1; then
		say OK "$token: what stands below leaf $(sed -n 2p "${token%.tst}.head") existed at $at"
	else
		say FAIL "$token: not signed by an authority of $tsa, or over another head"
	fi
done

checked=0
if [ -z "$directory" ]; then
	echo "--  no directory was given: whose keys these are was not checked, nor any ML-DSA signature"
	missing="give the directory: sh VERIFY.sh DIRECTORY, the SignedDirectory from a member whom you know"
elif command -v rogatory-audit >/dev/null 2>&1 && [ -n "$evidence" ]; then
	rogatory-audit check "$evidence" --directory "$directory"
	checked=$?
elif command -v python3 >/dev/null 2>&1; then
	python3 -B check.py . --directory "$directory"
	checked=$?
else
	echo "--  neither python3 nor rogatory-audit is here: whose keys these are was not checked, nor any ML-DSA signature"
	missing="install Python 3.9, or rogatory-audit and give it the file: EVIDENCE=FILE.asice sh VERIFY.sh DIRECTORY"
fi
case $checked in
0) ;;
3) missing="rogatory-audit could not judge everything: read what it says above" ;;
*) failed=1 ;;
esac
if [ $failed -ne 0 ]; then
	echo "RESULT FAILED"
	exit 1
elif [ -n "$missing" ]; then
	echo "--  to do: $missing"
	echo "RESULT INCOMPLETE"
	exit 3
fi
echo "RESULT ok"
