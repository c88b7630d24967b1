// PNG out, to memory.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <png.h>

#include "codecs.h"

namespace ti {

namespace {

struct Writer {
    png_structp png;
    png_infop info;
    uint8_t* bytes;
    size_t size;
    size_t capacity;
    char text[256];
};

void on_write(png_structp png, png_bytep from, size_t count) {
    Writer& writer = *static_cast<Writer*>(png_get_io_ptr(png));
    if (count > writer.capacity - writer.size) {
        size_t capacity = (writer.capacity + count) * 2;
        void* grown = std::realloc(writer.bytes, capacity);
        if (grown == nullptr) png_error(png, "out of memory while writing a PNG file");
        writer.bytes = static_cast<uint8_t*>(grown);
        writer.capacity = capacity;
    }
    std::memcpy(writer.bytes + writer.size, from, count);
    writer.size += count;
}

bool write_rows(Writer& writer, const uint8_t* pixels, int width, int height, int channels, int level) {
    writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer,
        [](png_structp png, png_const_charp message) {
            Writer& self = *static_cast<Writer*>(png_get_error_ptr(png));
            std::snprintf(self.text, sizeof self.text, "%s", message);
            png_longjmp(png, 1);
        },
        [](png_structp, png_const_charp) {});
    writer.info = writer.png != nullptr ? png_create_info_struct(writer.png) : nullptr;
    if (writer.info == nullptr) return false;
    png_structp png = writer.png;
    if (setjmp(png_jmpbuf(png)) != 0) return false;
    png_set_write_fn(png, &writer, on_write, [](png_structp) {});
    int type = channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGBA;
    png_set_IHDR(png, writer.info, png_uint_32(width), png_uint_32(height), 8, type,
        PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, level);
    png_write_info(png, writer.info);
    for (int y = 0; y < height; y++) png_write_row(png, pixels + size_t(y) * size_t(width) * size_t(channels));
    png_write_end(png, nullptr);
    return true;
}

} // namespace

void encode_png(const uint8_t* pixels, int width, int height, int channels, int level, uint8_t** result, size_t* size) {
    Writer writer{};
    bool done = write_rows(writer, pixels, width, height, channels, level);
    png_destroy_write_struct(&writer.png, &writer.info);
    if (!done) {
        std::free(writer.bytes);
        throw Failure{TI_OUT_OF_MEMORY, writer.text};
    }
    *result = writer.bytes;
    *size = writer.size;
}

} // namespace ti
