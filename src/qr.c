/*-------------------------------------------------------------------------
 *
 * qr.c
 *	  QR codes as SVG, PNG and text.
 *
 * libqrencode makes the modules, error correction M; a quiet zone of four
 * modules is around them, as the standard asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>
#include <png.h>
#include <qrencode.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "refusal.h"
#include "spi_util.h"

#define QUIET_ZONE	4
#define MAX_SCALE	32
#define MAX_BYTES	2331		/* what version 40 holds at error correction M */

PG_FUNCTION_INFO_V1(ev_qr_svg);
PG_FUNCTION_INFO_V1(ev_qr_png);
PG_FUNCTION_INFO_V1(ev_qr_text);

typedef struct QrCode
{
	int			width;			/* modules on a side, without the quiet zone */
	uint8	   *modules;		/* width * width; the lowest bit is 1 for dark */
} QrCode;

/* A module by its place in the picture, the quiet zone included. */
static inline bool
is_dark(const QrCode *code, int x, int y)
{
	x -= QUIET_ZONE;
	y -= QUIET_ZONE;
	return x >= 0 && y >= 0 && x < code->width && y < code->width &&
		(code->modules[y * code->width + x] & 1) != 0;
}

static QrCode
encode(FunctionCallInfo fcinfo)
{
	text	   *content = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	int			len = content ? VARSIZE_ANY_EXHDR(content) : 0;
	QRcode	   *made;
	QrCode		code;

	if (len == 0)
		raise_bad_argument("text must not be empty", NULL, NULL);
	if (len > MAX_BYTES)
		raise_bad_argument("text is too long for a QR code",
						   psprintf("It has %d bytes; %d fit.", len, MAX_BYTES), NULL);

	made = QRcode_encodeData(len, (const unsigned char *) VARDATA_ANY(content), 0, QR_ECLEVEL_M);
	if (made == NULL)
	{
		if (errno == ENOMEM)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		elog(ERROR, "libqrencode failed: %m");
	}

	/* Its memory is malloc's: nothing may raise an error before it is freed. */
	code.width = made->width;
	code.modules = palloc_extended(code.width * code.width, MCXT_ALLOC_NO_OOM);
	if (code.modules != NULL)
		memcpy(code.modules, made->data, code.width * code.width);
	QRcode_free(made);
	if (code.modules == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return code;
}

/* qr_svg(text): one path, a horizontal stroke for each run of dark modules */
Datum
ev_qr_svg(PG_FUNCTION_ARGS)
{
	QrCode		code = encode(fcinfo);
	int			side = code.width + 2 * QUIET_ZONE;
	StringInfoData svg;

	initStringInfo(&svg);
	appendStringInfo(&svg,
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
					 " shape-rendering=\"crispEdges\">"
					 "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
					 side, side, side, side);
	for (int y = 0; y < side; y++)
	{
		for (int x = 0; x < side; x++)
		{
			int			start = x;

			while (is_dark(&code, x, y))
				x++;
			if (x > start)
				appendStringInfo(&svg, "M%d %dh%dv1h-%dz", start, y, x - start, x - start);
		}
	}
	appendStringInfoString(&svg, "\"/></svg>");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(svg.data, svg.len));
}

/*
 * libpng, with PostgreSQL's memory and errors: an error may jump out of it at
 * any place, and the memory context gives everything back.
 */
static void
png_raise(png_structp png pg_attribute_unused(), png_const_charp message)
{
	elog(ERROR, "libpng: %s", message);
}

static void
png_ignore(png_structp png pg_attribute_unused(), png_const_charp message pg_attribute_unused())
{
}

static png_voidp
png_palloc(png_structp png pg_attribute_unused(), png_alloc_size_t size)
{
	return palloc(size);
}

static void
png_pfree(png_structp png pg_attribute_unused(), png_voidp pointer)
{
	pfree(pointer);
}

static void
png_append(png_structp png, png_bytep data, size_t len)
{
	appendBinaryStringInfo((StringInfo) png_get_io_ptr(png), (char *) data, len);
}

static void
png_no_flush(png_structp png pg_attribute_unused())
{
}

/* qr_png(text, scale): one bit for a pixel */
Datum
ev_qr_png(PG_FUNCTION_ARGS)
{
	int32		scale = arg_int32(fcinfo, 1, "scale");
	QrCode		code;
	int			side;
	StringInfoData file;
	png_structp png;
	png_infop	info;
	uint8	   *row;

	if (scale < 1 || scale > MAX_SCALE)
		raise_bad_argument(psprintf("scale must be between 1 and %d", MAX_SCALE),
						   psprintf("It is %d.", scale), NULL);
	code = encode(fcinfo);
	side = code.width + 2 * QUIET_ZONE;

	initStringInfo(&file);
	appendStringInfoSpaces(&file, VARHDRSZ);	/* becomes the bytea's header */

	png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, NULL, png_raise, png_ignore,
									NULL, png_palloc, png_pfree);
	info = png ? png_create_info_struct(png) : NULL;
	if (info == NULL)
		elog(ERROR, "libpng could not start");
	png_set_write_fn(png, &file, png_append, png_no_flush);
	png_set_IHDR(png, info, side * scale, side * scale, 1, PNG_COLOR_TYPE_GRAY,
				 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
	png_write_info(png, info);

	row = palloc((side * scale + 7) / 8);
	for (int y = 0; y < side; y++)
	{
		memset(row, 0, (side * scale + 7) / 8);
		for (int x = 0; x < side * scale; x++)
		{
			if (!is_dark(&code, x / scale, y))
				row[x / 8] |= 0x80 >> (x % 8);
		}
		for (int i = 0; i < scale; i++)
			png_write_row(png, row);
	}
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);

	SET_VARSIZE(file.data, file.len);
	PG_RETURN_BYTEA_P(file.data);
}

/*
 * qr_text(text): for a terminal, two modules in each character, upper and lower
 * half. Light modules are drawn, as terminals are dark.
 */
Datum
ev_qr_text(PG_FUNCTION_ARGS)
{
	static const char *const blocks[] = {"\u2588", "\u2580", "\u2584", " "};
	QrCode		code;
	int			side;
	StringInfoData out;

	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("QR codes as text need a database whose encoding is UTF8"),
				 errhint("Use evently.qr_svg() or evently.qr_png().")));
	code = encode(fcinfo);
	side = code.width + 2 * QUIET_ZONE;
	initStringInfo(&out);
	for (int y = 0; y < side; y += 2)
	{
		if (y > 0)
			appendStringInfoChar(&out, '\n');
		for (int x = 0; x < side; x++)
			appendStringInfoString(&out, blocks[is_dark(&code, x, y) * 2 + is_dark(&code, x, y + 1)]);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
