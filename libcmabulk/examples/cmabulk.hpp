/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libcmabulk for C++17: objects that can only be moved, and errors as exceptions. A header alone, to copy into an
 * application; what it leaves out is reached by get().
 */
#ifndef CMABULK_HPP
#define CMABULK_HPP

#include <cmabulk.h>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cmabulk
{

class error : public std::runtime_error {
public:
	error(int number, const std::string &message)
		: std::runtime_error(message)
		, number_(number)
	{
	}

	/* An errno, negative. */
	int number() const noexcept
	{
		return number_;
	}

	bool is_retryable() const noexcept
	{
		return cmabulk_error_is_retryable(number_) != 0;
	}

private:
	int number_;
};

inline int check(int r)
{
	if (r < 0)
		throw error(r, cmabulk_error_get_message(r));
	return r;
}

/* One reference to an object of the library, which the one that it is made of takes over. */
template <typename T, T *(*unref)(T *)> class handle {
public:
	explicit handle(T *object) noexcept
		: object_(object)
	{
	}

	T *get() const noexcept
	{
		return object_.get();
	}

private:
	struct dropper {
		void operator()(T *object) const noexcept
		{
			unref(object);
		}
	};

	std::unique_ptr<T, dropper> object_;
};

class buffer : public handle<cmabulk_buffer, cmabulk_buffer_unref> {
public:
	using handle::handle;

	int fd() const noexcept
	{
		return cmabulk_buffer_get_fd(get());
	}

	/* In bytes. */
	std::size_t size() const noexcept
	{
		return static_cast<std::size_t>(cmabulk_buffer_get_size(get()));
	}
};

/*
 * A buffer that the CPU reads or writes, from here to the end of the scope. The buffer has to live as long. Who has to
 * know whether devices see what was written calls cmabulk_buffer_end_cpu_access() instead: a destructor cannot say it.
 */
class mapping {
public:
	mapping(const buffer &mapped, cmabulk_buffer_access access)
		: buffer_(mapped.get())
		, access_(access)
		, size_(mapped.size())
	{
		check(cmabulk_buffer_map(buffer_, access_, &address_));
		const int r = cmabulk_buffer_begin_cpu_access(buffer_, access_);
		if (r < 0) {
			cmabulk_buffer_unmap(buffer_, address_);
			check(r);
		}
	}

	~mapping()
	{
		if (!address_)
			return;
		cmabulk_buffer_end_cpu_access(buffer_, access_);
		cmabulk_buffer_unmap(buffer_, address_);
	}

	mapping(mapping &&other) noexcept
		: buffer_(other.buffer_)
		, access_(other.access_)
		, size_(other.size_)
		, address_(std::exchange(other.address_, nullptr))
	{
	}

	mapping(const mapping &) = delete;
	mapping &operator=(const mapping &) = delete;
	mapping &operator=(mapping &&) = delete;

	unsigned char *begin() const noexcept
	{
		return static_cast<unsigned char *>(address_);
	}

	unsigned char *end() const noexcept
	{
		return begin() + size_;
	}

private:
	cmabulk_buffer *buffer_;
	cmabulk_buffer_access access_;
	std::size_t size_;
	void *address_ = nullptr;
};

class allocation : public handle<cmabulk_allocation, cmabulk_allocation_unref> {
public:
	using handle::handle;

	bool is_complete() const noexcept
	{
		return cmabulk_allocation_get_status(get()) == CMABULK_ALLOCATION_COMPLETE;
	}

	/* Why it is not, in a sentence. */
	std::string reason() const
	{
		return cmabulk_allocation_get_reason(get());
	}

	/* Each lives on without the allocation. None when less than the minimum could be had. */
	std::vector<buffer> buffers() const
	{
		std::vector<buffer> all;
		const unsigned int count = cmabulk_allocation_get_n_buffers(get());

		all.reserve(count);
		for (unsigned int i = 0; i < count; i++)
			all.emplace_back(
				cmabulk_buffer_ref(cmabulk_allocation_get_buffer(get(), i)));
		return all;
	}
};

class request : public handle<cmabulk_request, cmabulk_request_unref> {
public:
	request()
		: handle(make())
	{
	}

	request &order(unsigned int order)
	{
		check(cmabulk_request_set_order(get(), order));
		return *this;
	}

	request &count(std::uint64_t chunks)
	{
		check(cmabulk_request_set_count(get(), chunks));
		return *this;
	}

	request &buffers(unsigned int buffers)
	{
		check(cmabulk_request_set_buffers(get(), buffers));
		return *this;
	}

	request &pool(const std::string &name)
	{
		check(cmabulk_request_set_pool(get(), name.c_str()));
		return *this;
	}

private:
	static cmabulk_request *make()
	{
		cmabulk_request *made = nullptr;

		check(cmabulk_request_new(&made));
		return made;
	}
};

class connection : public handle<cmabulk_connection, cmabulk_connection_unref> {
public:
	connection()
		: handle(open())
	{
	}

	/* What it came to; see is_complete(). A refusal is an exception, with the daemon's own sentence. */
	allocation allocate(const request &wanted)
	{
		cmabulk_allocation *got = nullptr;
		const int r = cmabulk_connection_allocate(get(), wanted.get(), &got);

		if (r < 0)
			throw error(r, cmabulk_connection_get_error_message(get()));
		return allocation(got);
	}

private:
	static cmabulk_connection *open()
	{
		cmabulk_connection *opened = nullptr;

		check(cmabulk_connection_open(&opened));
		return opened;
	}
};

}

#endif
