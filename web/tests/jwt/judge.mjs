// Reads a case on stdin; says what jose makes of our token, and makes one itself.

import { readFileSync } from 'node:fs';
import * as jose from 'jose';

const { alg, key, jwks, now, token, tampered, claims } = JSON.parse(readFileSync(0, 'utf8'));
const secret = new TextEncoder().encode(key);
// From our key set, so that it is judged, too.
const reader = alg === 'HS256' ? secret : jose.createLocalJWKSet(jwks);
const writer = alg === 'HS256' ? secret : await jose.importPKCS8(key, alg);
const rules = {
  algorithms: [alg],
  audience: 'access',
  issuer: 'passbook',
  typ: 'JWT',
  currentDate: new Date(now * 1000),
};

const read = await jose.jwtVerify(token, reader, rules);
const verdict = await jose.jwtVerify(tampered, reader, rules).then(
  () => 'accepted',
  (error) => (error instanceof jose.errors.JWSSignatureVerificationFailed ? 'refused' : String(error)),
);
const theirs = await new jose.SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', kid: 'k' }).sign(writer);
process.stdout.write(
  JSON.stringify({ header: read.protectedHeader, claims: read.payload, tampered: verdict, token: theirs }),
);
