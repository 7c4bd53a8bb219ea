// SPDX-License-Identifier: LGPL-2.1-or-later
/* What frames.c does, in C++: nothing is given back by hand, and every error is an exception. */
#include "cmabulk.hpp"

#include <algorithm>
#include <iostream>

static int run(unsigned int count)
{
	cmabulk::connection connection;
	cmabulk::request request;

	request.order(4).count(192ull * count).buffers(count);
	const cmabulk::allocation allocation = connection.allocate(request);
	if (!allocation.is_complete()) {
		std::cerr << allocation.reason() << '\n';
		return 1;
	}
	const std::vector<cmabulk::buffer> buffers = allocation.buffers();
	for (const cmabulk::buffer &buffer : buffers) {
		const cmabulk::mapping mapping(buffer, CMABULK_BUFFER_WRITE);

		std::fill(mapping.begin(), mapping.end(), static_cast<unsigned char>(0x80));
	}
	std::cout << buffers.size() << " buffers\n";
	return 0;
}

int main(int argc, char **argv)
{
	try {
		return run(argc > 1 ? static_cast<unsigned int>(std::stoul(argv[1])) : 25);
	} catch (const cmabulk::error &error) {
		std::cerr << error.what() << (error.is_retryable() ? "; try again later\n" : "\n");
	} catch (const std::exception &error) {
		std::cerr << error.what() << '\n';
	}
	return 1;
}
