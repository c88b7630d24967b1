// JPEG out: for benchmarks, tests and generated sets that should look like photographs' files.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <jpeglib.h>

#include "codecs.h"

namespace ti {

namespace {

struct Writer {
    jpeg_compress_struct jpeg;
    jpeg_error_mgr errors;
    jmp_buf escape;
    char text[JMSG_LENGTH_MAX];
    unsigned char* bytes;
    unsigned long size;
};

bool write_rows(Writer& writer, const uint8_t* pixels, int width, int height, int channels, int quality) {
    if (setjmp(writer.escape) != 0) return false;
    jpeg_compress_struct& jpeg = writer.jpeg;
    jpeg_create_compress(&jpeg);
    jpeg.client_data = &writer;
    jpeg_mem_dest(&jpeg, &writer.bytes, &writer.size);
    jpeg.image_width = JDIMENSION(width);
    jpeg.image_height = JDIMENSION(height);
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = const_cast<uint8_t*>(pixels) + size_t(jpeg.next_scanline) * size_t(width) * size_t(channels);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    return true;
}

} // namespace

void encode_jpeg(const uint8_t* pixels, int width, int height, int channels, int quality, uint8_t** result, size_t* size) {
    Writer writer{};
    writer.jpeg.err = jpeg_std_error(&writer.errors);
    writer.jpeg.client_data = &writer;
    writer.errors.error_exit = [](j_common_ptr common) {
        Writer& self = *static_cast<Writer*>(common->client_data);
        common->err->format_message(common, self.text);
        std::longjmp(self.escape, 1);
    };
    writer.errors.output_message = [](j_common_ptr) {};
    bool done = write_rows(writer, pixels, width, height, channels, quality);
    jpeg_destroy_compress(&writer.jpeg);
    if (!done) {
        std::free(writer.bytes);
        throw Failure{TI_BAD_ARGUMENT, writer.text};
    }
    *result = writer.bytes;
    *size = writer.size;
}

} // namespace ti
