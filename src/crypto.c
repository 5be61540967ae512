/*-------------------------------------------------------------------------
 *
 * crypto.c
 *	  Ed25519 and SHA-256, by libcrypto's EVP interface.
 *
 * The only file that knows OpenSSL. Its objects live in malloc's memory, which
 * no error of PostgreSQL gives back; so nothing here raises one: each function
 * frees what it made and reports success.
 *
 * To find an algorithm anew for each signature or sum costs some microseconds, so
 * what finding it gave is kept, and copied for each.
 *
 *-------------------------------------------------------------------------
 */
#include "crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

struct CryptoKey
{
	EVP_PKEY   *key;
	EVP_MD_CTX *ready;			/* to sign, or to verify */
};

/* What OpenSSL notes about a failure must not be taken for one of a TLS connection. */
static bool
outcome(bool good)
{
	if (!good)
		ERR_clear_error();
	return good;
}

/* A new key pair, both halves as raw bytes. */
bool
crypto_make_key(uint8 *private_key, uint8 *public_key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
	EVP_PKEY   *key = NULL;
	size_t		private_len = EV_KEY_BYTES;
	size_t		public_len = EV_KEY_BYTES;
	bool		good;

	good = ctx != NULL &&
		EVP_PKEY_keygen_init(ctx) > 0 &&
		EVP_PKEY_keygen(ctx, &key) > 0 &&
		EVP_PKEY_get_raw_private_key(key, private_key, &private_len) > 0 &&
		EVP_PKEY_get_raw_public_key(key, public_key, &public_len) > 0;
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	return outcome(good);
}

typedef int (*KeyInit) (EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *);

/* A key that is ready to be used; takes over what libcrypto made of it, or NULL. */
static CryptoKey *
make_ready(EVP_PKEY *key, KeyInit init)
{
	CryptoKey  *ready = OPENSSL_zalloc(sizeof(CryptoKey));

	if (ready != NULL)
	{
		ready->key = key;
		ready->ready = EVP_MD_CTX_new();
	}
	if (!outcome(ready != NULL && ready->key != NULL && ready->ready != NULL &&
				 init(ready->ready, NULL, NULL, NULL, key) > 0))
	{
		if (ready == NULL)
			EVP_PKEY_free(key);
		crypto_free_key(ready);
		return NULL;
	}
	return ready;
}

/* NULL when the bytes are no key, or the halves are not of one pair. */
CryptoKey *
crypto_load_private_key(const uint8 *private_key, const uint8 *public_key)
{
	EVP_PKEY   *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
												   private_key, EV_KEY_BYTES);
	uint8		derived[EV_KEY_BYTES];
	size_t		len = EV_KEY_BYTES;

	if (key != NULL &&
		(EVP_PKEY_get_raw_public_key(key, derived, &len) <= 0 ||
		 memcmp(derived, public_key, EV_KEY_BYTES) != 0))
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	return make_ready(key, EVP_DigestSignInit);
}

CryptoKey *
crypto_load_public_key(const uint8 *public_key)
{
	return make_ready(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, EV_KEY_BYTES),
					  EVP_DigestVerifyInit);
}

/* Overwrites the private half. */
void
crypto_free_key(CryptoKey *key)
{
	if (key == NULL)
		return;
	EVP_MD_CTX_free(key->ready);
	EVP_PKEY_free(key->key);
	OPENSSL_free(key);
}

bool
crypto_sign(CryptoKey *key, const char *data, size_t len, uint8 *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t		signature_len = EV_SIGNATURE_BYTES;
	bool		good;

	good = ctx != NULL &&
		EVP_MD_CTX_copy_ex(ctx, key->ready) > 0 &&
		EVP_DigestSign(ctx, signature, &signature_len, (const unsigned char *) data, len) > 0 &&
		signature_len == EV_SIGNATURE_BYTES;
	EVP_MD_CTX_free(ctx);
	return outcome(good);
}

bool
crypto_verify(CryptoKey *key, const char *data, size_t len, const uint8 *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		good;

	good = ctx != NULL &&
		EVP_MD_CTX_copy_ex(ctx, key->ready) > 0 &&
		EVP_DigestVerify(ctx, signature, EV_SIGNATURE_BYTES,
						 (const unsigned char *) data, len) == 1;
	EVP_MD_CTX_free(ctx);
	return outcome(good);
}

bool
crypto_sha256(const void *data, size_t len, uint8 *digest)
{
	static EVP_MD_CTX *ready = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		good;

	if (ready == NULL && (ready = EVP_MD_CTX_new()) != NULL &&
		EVP_DigestInit_ex(ready, EVP_sha256(), NULL) <= 0)
	{
		EVP_MD_CTX_free(ready);
		ready = NULL;
	}
	good = ctx != NULL && ready != NULL &&
		EVP_MD_CTX_copy_ex(ctx, ready) > 0 &&
		EVP_DigestUpdate(ctx, data, len) > 0 &&
		EVP_DigestFinal_ex(ctx, digest, NULL) > 0;
	EVP_MD_CTX_free(ctx);
	return outcome(good);
}

void
crypto_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}
