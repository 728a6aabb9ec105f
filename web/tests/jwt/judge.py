"""Reads a case on stdin; says what PyJWT makes of our token, and makes one itself."""

import json
import sys

import jwt

case = json.load(sys.stdin)
alg, now = case["alg"], case["now"]
if alg == "HS256":
    public = case["key"]
else:
    # From our key set, so that it is judged, too.
    public = jwt.PyJWKSet.from_dict(case["jwks"])["k"].key
# The test's clock is not this machine's: times are compared here.
options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}


def read(token):
    return jwt.decode(
        token, public, algorithms=[alg], audience="access", issuer="passbook", options=options
    )


claims = read(case["token"])
assert claims["nbf"] <= now <= claims["exp"]
try:
    read(case["tampered"])
    tampered = "accepted"
except jwt.InvalidSignatureError:
    tampered = "refused"
answer = {
    "header": jwt.get_unverified_header(case["token"]),
    "claims": claims,
    "tampered": tampered,
    "token": jwt.encode(case["claims"], case["key"], algorithm=alg, headers={"kid": "k"}),
}
json.dump(answer, sys.stdout)
