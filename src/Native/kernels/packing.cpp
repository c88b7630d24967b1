#include "packing.h"

namespace transformer_kernels {

Tensor panels(std::int64_t columns, std::int64_t units) {
    return at::empty({std::max<std::int64_t>(1, rounded(columns, 16) * units)}, at::TensorOptions().dtype(at::kInt));
}

std::uint32_t* Packer::across(const Tensor& weight) { return add(weight, true); }

std::uint32_t* Packer::down(const Tensor& weight) { return add(weight, false); }

std::uint32_t* Packer::add(const Tensor& given, bool across) {
    const Tensor weight = given.stride(1) == 1 ? given : given.contiguous();
    Job job{};
    job.from = weight.data_ptr();
    job.from_type = type_of(weight);
    job.row = weight.stride(0);
    job.columns = weight.size(across ? 0 : 1);
    job.depth = weight.size(across ? 1 : 0);
    job.across = across;
    const Tensor room = panels(job.columns, units_of(job.depth, type));
    job.to = reinterpret_cast<std::uint32_t*>(room.data_ptr<int>());
    kept.push_back(weight);
    kept.push_back(room);
    const std::int64_t vectors = (job.columns + 15) / 16;
    for (std::int64_t at = 0; at < vectors;) {
        job.first = at;
        at += panel_width(vectors, at);
        job.last = at;
        jobs.push_back(job);
    }
    return job.to;
}

void Packer::run() {
    const KernelTable& kernels = table();
    parallel_items(static_cast<std::int64_t>(jobs.size()), [&](std::int64_t i) {
        const Job& j = jobs[i];
        if (j.across) kernels.pack_across(j.from, j.from_type, type, j.row, j.columns, j.depth, j.to, j.first, j.last);
        else kernels.pack_down(j.from, j.from_type, type, j.row, j.depth, j.columns, j.to, j.first, j.last);
    });
}

void OuterProducts::add(const std::uint32_t* a, std::int64_t rows, const std::uint32_t* b, std::int64_t columns,
                        std::int64_t units, float* c, bool to_what_is_there) {
    products.push_back({OuterArguments{a, b, units, columns, c, to_what_is_there}, rows});
}

void OuterProducts::run() {
    // Shares of like size, a few a thread. Each number is one thread's sum in one order, however they are cut.
    struct Share {
        const OuterArguments* arguments;
        std::int64_t row, row_end;
    };
    std::int64_t total = 0;
    for (const Product& p : products) total += p.rows * p.arguments.columns;
    const std::int64_t aim = std::max<std::int64_t>(4096, total / (4 * at::get_num_threads()));
    std::vector<Share> shares;
    for (const Product& p : products) {
        const std::int64_t rows = rounded(std::max<std::int64_t>(1, aim / p.arguments.columns), row_panel);
        for (std::int64_t row = 0; row < p.rows; row += rows) shares.push_back({&p.arguments, row, std::min(p.rows, row + rows)});
    }
    const KernelTable& kernels = table();
    parallel_items(static_cast<std::int64_t>(shares.size()), [&](std::int64_t i) {
        const Share& s = shares[i];
        kernels.outer(type, *s.arguments, s.row, s.row_end, 0, (s.arguments->columns + 15) / 16);
    });
}

}  // namespace transformer_kernels
