/*-------------------------------------------------------------------------
 *
 * base64url.h
 *	  Base64 for URLs, without padding (RFC 4648, section 5; RFC 7515).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_BASE64URL_H
#define EVENTLY_BASE64URL_H

#include "postgres.h"

/* Characters that so many bytes take, without the final NUL. */
#define BASE64URL_LENGTH(bytes) (((bytes) * 4 + 2) / 3)

extern int	base64url_encode(const uint8 *bytes, int len, char *text);
extern int	base64url_decode(const char *text, int len, uint8 *bytes);

#endif							/* EVENTLY_BASE64URL_H */
