// PNG through libpng. Palettes, 1 to 16 bits, grey and tRNS all become RGB or RGBA of 8 bits.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <png.h>

#include "codecs.h"

namespace ti {

namespace {

struct Reader {
    Bytes file;
    size_t at;
    png_structp png;
    png_infop info;
    png_bytepp rows;
    uint8_t* rgba;
    ti_status status;
    char text[256];
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
    Reader& reader = *static_cast<Reader*>(png_get_error_ptr(png));
    if (reader.status == TI_OK) reader.status = TI_CORRUPT;
    std::snprintf(reader.text, sizeof reader.text, "%s", message);
    png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, size_t count) {
    Reader& reader = *static_cast<Reader*>(png_get_io_ptr(png));
    if (count > reader.file.size - reader.at) {
        reader.status = TI_TRUNCATED;
        png_error(png, "the PNG file ends before its picture does");
    }
    std::memcpy(to, reader.file.data + reader.at, count);
    reader.at += count;
}

bool read_rows(Reader& reader, const Target& target) {
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
    reader.info = reader.png != nullptr ? png_create_info_struct(reader.png) : nullptr;
    if (reader.info == nullptr) {
        reader.status = TI_OUT_OF_MEMORY;
        return false;
    }
    png_structp png = reader.png;
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_set_read_fn(png, &reader, on_read);
    png_set_user_limits(png, png_uint_32(target.width), png_uint_32(target.height));
    png_set_chunk_malloc_max(png, 1 << 20);
    // Texts and profiles are not wanted, and are where compressed bombs hide.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png, reader.info);
    bool alpha = (png_get_color_type(png, reader.info) & PNG_COLOR_MASK_ALPHA) != 0
        || png_get_valid(png, reader.info, PNG_INFO_tRNS) != 0;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, reader.info);
    size_t stride = png_get_rowbytes(png, reader.info), width = size_t(target.width), height = size_t(target.height);
    if (png_get_image_width(png, reader.info) != width || png_get_image_height(png, reader.info) != height
        || stride != width * (alpha ? 4 : 3))
        png_error(png, "the PNG file's headers disagree");
    uint8_t* to = target.rgb;
    if (alpha) to = reader.rgba = static_cast<uint8_t*>(std::malloc(stride * height));
    reader.rows = static_cast<png_bytepp>(std::malloc(height * sizeof(png_bytep)));
    if (to == nullptr || reader.rows == nullptr) {
        reader.status = TI_OUT_OF_MEMORY;
        return false;
    }
    for (size_t y = 0; y < height; y++) reader.rows[y] = to + y * stride;
    png_read_image(png, reader.rows);
    png_read_end(png, nullptr);
    if (alpha) composite(reader.rgba, width * height, target.background, target.rgb);
    return true;
}

} // namespace

void decode_png(Bytes file, const Target& target) {
    Reader reader{};
    reader.file = file;
    bool done = read_rows(reader, target);
    png_destroy_read_struct(&reader.png, &reader.info, nullptr);
    std::free(reader.rows);
    std::free(reader.rgba);
    if (!done) throw Failure{reader.status, reader.status == TI_OUT_OF_MEMORY ? "out of memory while decoding a PNG file" : reader.text};
}

std::string png_version() { return std::string("libpng ") + png_get_libpng_ver(nullptr); }

} // namespace ti
