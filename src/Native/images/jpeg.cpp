// JPEG through libjpeg-turbo's libjpeg interface, which, unlike TurboJPEG's, tells a harmless warning from a broken file.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs size_t and FILE first.
#include <jpeglib.h>
#include <jerror.h>

#include "codecs.h"

namespace ti {

namespace {

// All that the code after setjmp changes lives here, outside its frame; plain data only, for longjmp runs no destructors.
struct Reader {
    jpeg_decompress_struct jpeg;
    jpeg_error_mgr errors;
    jpeg_progress_mgr progress;
    jmp_buf escape;
    ti_status status;
    char text[JMSG_LENGTH_MAX];
    uint8_t* cmyk_row;
};

[[noreturn]] void leave(j_common_ptr common, ti_status status) {
    Reader& reader = *static_cast<Reader*>(common->client_data);
    reader.status = status;
    common->err->format_message(common, reader.text);
    std::longjmp(reader.escape, 1);
}

void on_error(j_common_ptr common) {
    switch (common->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE: leave(common, TI_OUT_OF_MEMORY);
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF: leave(common, TI_TRUNCATED);
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_ARITH_NOTIMPL:
    case JERR_SOF_UNSUPPORTED: leave(common, TI_UNSUPPORTED);
    default: leave(common, TI_CORRUPT);
    }
}

// libjpeg fills what it cannot read with grey and goes on. A picture half grey would be trained on unnoticed, so a
// warning that pixels are lost ends the decoding; one about extra bytes or an odd header does not.
void on_message(j_common_ptr common, int level) {
    if (level >= 0) return;
    switch (common->err->msg_code) {
    case JWRN_JPEG_EOF: leave(common, TI_TRUNCATED);
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC: leave(common, TI_CORRUPT);
    default: break;
    }
}

// A progressive file may repeat scans of a large picture without end: each costs a pass over all its coefficients.
void on_progress(j_common_ptr common) {
    const int most_scans = 200;
    if (common->is_decompressor && reinterpret_cast<j_decompress_ptr>(common)->input_scan_number > most_scans) {
        Reader& reader = *static_cast<Reader*>(common->client_data);
        reader.status = TI_CORRUPT;
        std::snprintf(reader.text, sizeof reader.text, "the JPEG file has more than %d scans", most_scans);
        std::longjmp(reader.escape, 1);
    }
}

bool read_rows(Reader& reader, Bytes file, int scale, size_t memory, const Target& target) {
    if (setjmp(reader.escape) != 0) return false;
    jpeg_decompress_struct& jpeg = reader.jpeg;
    jpeg_create_decompress(&jpeg);
    jpeg.client_data = &reader;
    jpeg.mem->max_memory_to_use = long(memory);
    reader.progress.progress_monitor = on_progress;
    jpeg.progress = &reader.progress;
    jpeg_mem_src(&jpeg, file.data, static_cast<unsigned long>(file.size));
    jpeg_read_header(&jpeg, TRUE);
    bool cmyk = jpeg.num_components == 4;
    jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg.scale_num = 1;
    jpeg.scale_denom = static_cast<unsigned>(scale);
    jpeg_start_decompress(&jpeg);
    if (int(jpeg.output_width) != target.width || int(jpeg.output_height) != target.height) {
        reader.status = TI_CORRUPT;
        std::snprintf(reader.text, sizeof reader.text, "the JPEG file's headers disagree about its size");
        return false;
    }
    if (cmyk) {
        reader.cmyk_row = static_cast<uint8_t*>(std::malloc(size_t(target.width) * 4));
        if (reader.cmyk_row == nullptr) {
            reader.status = TI_OUT_OF_MEMORY;
            std::snprintf(reader.text, sizeof reader.text, "out of memory while decoding a JPEG file");
            return false;
        }
    }
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = target.rgb + size_t(jpeg.output_scanline) * size_t(target.width) * 3;
        JSAMPROW read = cmyk ? reader.cmyk_row : row;
        if (jpeg_read_scanlines(&jpeg, &read, 1) == 1 && cmyk) inverted_cmyk_to_rgb(read, size_t(target.width), row);
    }
    return true;
}

} // namespace

void decode_jpeg(Bytes file, int scale, size_t memory, const Target& target) {
    Reader reader{};
    reader.jpeg.err = jpeg_std_error(&reader.errors);
    reader.jpeg.client_data = &reader; // an error inside jpeg_create_decompress needs it too
    reader.errors.error_exit = on_error;
    reader.errors.emit_message = on_message;
    reader.errors.output_message = [](j_common_ptr) {};
    bool done = read_rows(reader, file, scale, memory, target);
    jpeg_destroy_decompress(&reader.jpeg);
    std::free(reader.cmyk_row);
    if (!done) throw Failure{reader.status, reader.text};
}

std::string jpeg_version() {
#ifdef LIBJPEG_TURBO_VERSION
#define TI_TEXT(x) #x
#define TI_TEXT_OF(x) TI_TEXT(x)
    return "libjpeg-turbo " TI_TEXT_OF(LIBJPEG_TURBO_VERSION);
#else
    return "libjpeg " + std::to_string(JPEG_LIB_VERSION);
#endif
}

} // namespace ti
