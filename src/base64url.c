/*-------------------------------------------------------------------------
 *
 * base64url.c
 *	  Base64 for URLs, without padding (RFC 4648, section 5; RFC 7515).
 *
 * Decoding is strict: each byte string has one spelling, so that nobody can
 * make a second token out of a good one by changing characters that carry
 * nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "base64url.h"

static const char alphabet[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Writes BASE64URL_LENGTH(len) characters and a NUL; the number of characters. */
int
base64url_encode(const uint8 *bytes, int len, char *text)
{
	char	   *out = text;
	uint32		buffer = 0;
	int			bits = 0;

	for (int i = 0; i < len; i++)
	{
		buffer = (buffer << 8 | bytes[i]) & 0xffff;
		bits += 8;
		while (bits >= 6)
		{
			bits -= 6;
			*out++ = alphabet[(buffer >> bits) & 0x3f];
		}
	}
	if (bits > 0)
		*out++ = alphabet[(buffer << (6 - bits)) & 0x3f];
	*out = '\0';
	return (int) (out - text);
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	return -1;
}

/*
 * Writes at most len * 3 / 4 bytes and returns their number; -1 when the text
 * has another character (padding and spaces are such), a length that no
 * encoder makes, or bits set beyond the last byte.
 */
int
base64url_decode(const char *text, int len, uint8 *bytes)
{
	uint8	   *out = bytes;
	uint32		buffer = 0;
	int			bits = 0;

	if (len % 4 == 1)
		return -1;
	for (int i = 0; i < len; i++)
	{
		int			value = value_of(text[i]);

		if (value < 0)
			return -1;
		buffer = (buffer << 6 | value) & 0xffff;
		bits += 6;
		if (bits >= 8)
		{
			bits -= 8;
			*out++ = (uint8) (buffer >> bits);
		}
	}
	if ((buffer & ((1u << bits) - 1)) != 0)
		return -1;
	return (int) (out - bytes);
}
