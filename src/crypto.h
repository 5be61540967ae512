/*-------------------------------------------------------------------------
 *
 * crypto.h
 *	  Ed25519 and SHA-256.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_CRYPTO_H
#define EVENTLY_CRYPTO_H

#include "postgres.h"

#define EV_KEY_BYTES		32	/* a seed or a public key */
#define EV_SIGNATURE_BYTES	64
#define EV_SHA256_BYTES		32

/* A key as libcrypto holds it, in malloc's memory: to be freed. */
typedef struct CryptoKey CryptoKey;

extern bool crypto_make_key(uint8 *private_key, uint8 *public_key);
extern CryptoKey *crypto_load_private_key(const uint8 *private_key, const uint8 *public_key);
extern CryptoKey *crypto_load_public_key(const uint8 *public_key);
extern void crypto_free_key(CryptoKey *key);
extern bool crypto_sign(CryptoKey *key, const char *data, size_t len, uint8 *signature);
extern bool crypto_verify(CryptoKey *key, const char *data, size_t len, const uint8 *signature);
extern bool crypto_sha256(const void *data, size_t len, uint8 *digest);
extern void crypto_wipe(void *data, size_t len);

#endif							/* EVENTLY_CRYPTO_H */
