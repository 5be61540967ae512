// Tokens by somebody else's hand: npm's "jose" verifies those that evently
// issued, signs good ones with the same key, and forges bad ones.
//
// stdin:  { jwks, other_jwks, tokens: [issued ...], claims: of a ticket that is good now,
//           key: {kid, x, d}, other_key: {kid, x, d} of another event }
// stdout: { issued: [{header, payload} or {error} ...], strangers: [error ...],
//           good: {name: token}, bad: {name: [token, expected reason]} }
import { readFileSync } from 'node:fs';
import * as crypto from 'node:crypto';
import * as jose from 'jose';

const input = JSON.parse(readFileSync(0, 'utf8'));
const { claims, key, other_key: otherKey } = input;
const privateKey = async ({ x, d }) => jose.importJWK({ kty: 'OKP', crv: 'Ed25519', x, d }, 'EdDSA');
const ours = await privateKey(key);
const theirs = await privateKey(otherKey);
const header = { alg: 'EdDSA', kid: key.kid };

// What jose makes of an issued token.
async function verify(token, jwks) {
  try {
    const { payload, protectedHeader } = await jose.jwtVerify(token, jose.createLocalJWKSet(jwks));
    return { header: protectedHeader, payload };
  } catch (error) {
    return { error: error.code };
  }
}
const issued = [];
const strangers = [];
for (const token of input.tokens) {
  issued.push(await verify(token, input.jwks));
  strangers.push((await verify(token, input.other_jwks)).error);
}

const sign = (payload, head = header, by = ours) => new jose.SignJWT(payload).setProtectedHeader(head).sign(by);

// For what jose refuses to make: any bytes as header and payload, rightly signed.
const nodeKey = crypto.createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: key.x, d: key.d } });
const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
const seal = (text) => `${text}.${b64(crypto.sign(null, Buffer.from(text), nodeKey))}`;
const raw = (head, payload) => seal(`${b64(head)}.${b64(payload)}`);
const H = JSON.stringify(header);
const P = JSON.stringify(claims);
const now = Math.floor(Date.now() / 1000);

const backwards = (object) => Object.fromEntries(Object.entries(object).reverse());
const good = {
  'as evently writes it': await sign(claims),
  'by hand': raw(H, P),
  'members in another order': await sign(backwards(claims), { kid: key.kid, alg: 'EdDSA' }),
  'typ JWT': await sign(claims, { ...header, typ: 'JWT' }),
  'issued and valid since a minute ago': await sign({ ...claims, iat: now - 60, nbf: now - 60 }),
};

const bad = {};
const forge = (name, token, reason = 'BAD_SIGNATURE') => { bad[name] = [token, reason]; };
const [h, p, s] = good['as evently writes it'].split('.');

// The algorithm.
const publicBytes = Buffer.from(key.x, 'base64url');
forge('alg none', new jose.UnsecuredJWT(claims).encode());
forge('alg none with a kid', `${b64(JSON.stringify({ alg: 'none', kid: key.kid }))}.${p}.`);
forge('alg none over a good signature', `${b64(JSON.stringify({ alg: 'none', kid: key.kid }))}.${p}.${s}`);
for (const [what, secret] of Object.entries({ bytes: publicBytes, text: Buffer.from(key.x) })) {
  for (const alg of ['HS256', 'HS512']) {
    forge(`${alg} with the public key's ${what} as secret`, await sign(claims, { alg, kid: key.kid }, secret));
  }
}
for (const alg of ['eddsa', 'EDDSA', 'Ed25519', 'ES256', '', 'EdDSA ', 'none']) {
  forge(`alg "${alg}", rightly signed`, raw(JSON.stringify({ alg, kid: key.kid }), P));
}
forge('no alg', raw(JSON.stringify({ kid: key.kid }), P));

// The key.
forge("another event's key", await sign(claims, { alg: 'EdDSA', kid: otherKey.kid }, theirs));
forge("another event's key under this one's kid", await sign(claims, header, theirs));
forge("this event's key, but a ticket of another event", await sign({ ...claims, event: claims.event + 1 }));
const strange = (await jose.generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })).privateKey;
forge("a stranger's key", await sign(claims, header, strange));
forge('an unknown kid', await sign(claims, { alg: 'EdDSA', kid: 'AAAAAAAAAAA' }));
forge('no kid', await sign(claims, { alg: 'EdDSA' }));
forge('a long kid', await sign(claims, { alg: 'EdDSA', kid: `${key.kid}A` }));
const jwk = await jose.exportJWK(strange);
delete jwk.d;
forge('a key brought along', await sign(claims, { ...header, jwk }, strange));

// The signature.
forge('no signature', `${h}.${p}.`);
forge('a signature of zeros', `${h}.${p}.${b64(Buffer.alloc(64))}`);
forge('a short signature', `${h}.${p}.${s.slice(0, -1)}`);
forge('a long signature', `${h}.${p}.${s}A`);
{
  // S + L is the same point to a careless verifier.
  const L = (1n << 252n) + 27742317777372353535851937790883648493n;
  const bytes = Buffer.from(s, 'base64url');
  let S = 0n;
  for (let i = 63; i >= 32; i--) S = (S << 8n) | BigInt(bytes[i]);
  S += L;
  for (let i = 32; i < 64; i++) { bytes[i] = Number(S & 255n); S >>= 8n; }
  forge('a malleated signature', `${h}.${p}.${b64(bytes)}`);
}

// One flipped bit, at every place.
const whole = Buffer.from(good['as evently writes it'], 'latin1');
for (let bit = 0; bit < whole.length * 8; bit++) {
  const flipped = Buffer.from(whole);
  flipped[bit >> 3] ^= 1 << (bit & 7);
  forge(`bit ${bit & 7} of character ${bit >> 3} flipped`, flipped.toString('latin1'), undefined);
}

// Time.
forge('expired', await sign({ ...claims, exp: now - 1 }), 'EXPIRED');
forge('expired long ago', await sign({ ...claims, exp: 0 }), 'EXPIRED');
forge('not yet valid', await sign({ ...claims, nbf: now + 3600 }), 'NOT_YET_VALID');

// base64url: the same bytes, spelled otherwise.
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const respelt = (part) => part.slice(0, -1) + ALPHABET[ALPHABET.indexOf(part.at(-1)) + 1];
const headers = [{ ...header }, { ...header, typ: 'JWT' }];
forge('signature padded', `${h}.${p}.${s}==`);
forge('header padded, rightly signed', seal(`${h}=.${p}`));
forge('payload padded, rightly signed', seal(`${h}.${p}==`));
forge('signature not canonical', `${h}.${p}.${respelt(s)}`);
for (const extra of ['', ',"iat":1', ',"iat":12']) {
  const part = b64(P.replace(/}$/, `${extra}}`));
  if (part.length % 4 !== 0) forge(`payload of ${part.length} characters not canonical, rightly signed`, seal(`${h}.${respelt(part)}`));
}
for (const head of headers) {
  const part = b64(JSON.stringify(head));
  if (part.length % 4 !== 0) forge(`header of ${part.length} characters not canonical, rightly signed`, seal(`${respelt(part)}.${p}`));
}
const plain = Buffer.from(s, 'base64url').toString('base64').replace(/=+$/, '');
if (plain !== s) forge('signature in plain base64', `${h}.${p}.${plain}`);
forge('a space in the signature', `${h}.${p}.${s.slice(0, 9)} ${s.slice(9)}`);
forge('a line feed at the end', `${h}.${p}.${s}\n`);
forge('a space at the start', ` ${h}.${p}.${s}`);

// Shape.
forge('two parts', `${h}.${p}`, 'UNKNOWN');
forge('four parts', `${h}.${p}.${s}.${s}`, 'UNKNOWN');
forge('empty parts', '..');
forge('empty', '', 'UNKNOWN');
forge('an empty payload', seal(`${h}.`));
forge('oversized by an unknown member, rightly signed', await sign({ ...claims, more: 'x'.repeat(400) }));
forge('oversized by much', await sign({ ...claims, more: 'x'.repeat(100_000) }));
forge('a million dots', '.'.repeat(1_000_000), 'UNKNOWN');

// JSON: each rightly signed.
const payloads = {
  'an embedded NUL after the object': `${P}\0`,
  'an embedded NUL before the object': `\0${P}`,
  'an embedded NUL in a string': P.replace('"fp":"', '"fp":"\0'),
  'an escaped NUL in a string': P.replace(/"fp":"./, '"fp":"\\u0000'),
  'an embedded NUL in a name': P.replace('"ticket"', '"ticket\0"'),
  'a NUL and another object': `${P}\0${P}`,
  'an escape in a name': P.replace('"ticket"', '"\\u0074icket"'),
  'a member twice': P.replace('{', `{"ticket":${claims.ticket},`),
  'a member twice, another value first': P.replace('{', '{"ticket":1,'),
  'a member twice, another value last': P.replace(/}$/, ',"ticket":1}'),
  'an unknown member': P.replace(/}$/, ',"vip":1}'),
  'no ticket': JSON.stringify({ ...claims, ticket: undefined }),
  'no exp': JSON.stringify({ ...claims, exp: undefined }),
  'no fp': JSON.stringify({ ...claims, fp: undefined }),
  'a string for a number': JSON.stringify({ ...claims, ticket: String(claims.ticket) }),
  'a number for a string': JSON.stringify({ ...claims, fp: 1 }),
  'a fraction': P.replace(`"exp":${claims.exp}`, `"exp":${claims.exp}.0`),
  'an exponent': P.replace(`"exp":${claims.exp}`, '"exp":1e18'),
  'a leading zero': P.replace(`"ticket":${claims.ticket}`, `"ticket":0${claims.ticket}`),
  'a sign': P.replace(`"ticket":${claims.ticket}`, `"ticket":-${claims.ticket}`),
  'a number of 2^53': P.replace(`"exp":${claims.exp}`, '"exp":9007199254740992'),
  'a number beyond 2^64': P.replace(`"exp":${claims.exp}`, '"exp":99999999999999999999999'),
  'null': P.replace(`"exp":${claims.exp}`, '"exp":null'),
  'white space': P.replace(':', ': '),
  'a trailing comma': P.replace(/}$/, ',}'),
  'no object': '[]',
  'an object not ended': P.slice(0, -1),
  'something after the object': `${P} `,
  'a byte order mark': `\ufeff${P}`,
  'a fingerprint not canonical': JSON.stringify({ ...claims, fp: respelt(claims.fp) }),
  'a short fingerprint': JSON.stringify({ ...claims, fp: claims.fp.slice(1) }),
};
for (const [name, payload] of Object.entries(payloads)) forge(`payload with ${name}`, raw(H, payload));
const heads = {
  'alg twice': H.replace('{', '{"alg":"EdDSA",'),
  'alg none and EdDSA': H.replace('{', '{"alg":"none",'),
  'kid twice': H.replace(/}$/, `,"kid":"${key.kid}"}`),
  'an embedded NUL': `${H}\0`,
  'a NUL in alg': H.replace('EdDSA', 'EdDSA\0'),
  'crit': H.replace(/}$/, ',"crit":["b64"],"b64":true}'),
  'a typ of its own': H.replace(/}$/, ',"typ":"at+jwt"}'),
};
for (const [name, head] of Object.entries(heads)) forge(`header with ${name}`, raw(head, P));

// The ticket: rightly signed, but none of ours, or its secret is another.
forge('a ticket that does not exist', await sign({ ...claims, ticket: 9007199254740991 }), 'UNKNOWN');
forge('a fingerprint that was never issued', await sign({ ...claims, fp: b64(Buffer.alloc(16)) }), 'UNKNOWN');

process.stdout.write(JSON.stringify({ issued, strangers, good, bad }));
