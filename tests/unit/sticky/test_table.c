/* SPDX-License-Identifier: Apache-2.0 */
/* The session table: SP-21..25 as calls, its roof, threads, and processes killed in the middle. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sticky/table.h"

#define NOW 1700000000u
#define EXPIRE 60
#define LISTENER 7
#define THREADS 4
#define KILL_ROUNDS 40
#define KILL_CLIENTS 2000

static void *memory;
static size_t memory_size;
static struct session_table *table;

static void make(uint32_t entries_most)
{
	memory_size = SESSION_BASE_BYTES + (size_t)entries_most * SESSION_CELL_BYTES;
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(session_table_open(memory, memory_size, &table), 0);
}

static void drop(void)
{
	table = session_table_close(table);
	munmap(memory, memory_size);
}

static struct session_key client(uint32_t n)
{
	struct address address = { .family = ADDRESS_IPV4 };

	memcpy(address.ip, &n, sizeof(n));
	return session_key_of(LISTENER, 0, &address);
}

static struct session_entry entry(uint32_t n, uint64_t target, uint32_t now_s)
{
	return (struct session_entry){
		.key = client(n), .target = target, .used_s = now_s, .expire_s = EXPIRE
	};
}

static uint64_t claim(uint32_t n, uint64_t target, uint64_t instead_of, uint32_t now_s)
{
	struct session_entry wanted = entry(n, target, now_s);

	return session_table_claim(table, &wanted, instead_of).target;
}

static enum session_found find(uint32_t n, uint32_t now_s, uint64_t *ret_target)
{
	struct session_key key = client(n);

	return session_table_find(table, &key, EXPIRE, now_s, ret_target);
}

static void test_pins_and_expires_by_idle_time(void **state)
{
	uint64_t target = 0;

	make(SESSIONS_LEAST);
	assert_int_equal(find(1, NOW, &target), SESSION_NONE);
	assert_int_equal(target, 0);
	assert_int_equal(claim(1, 11, 0, NOW), 11);
	/* Every use starts the time anew: SP-23. */
	for (uint32_t now_s = NOW; now_s < NOW + 10 * EXPIRE; now_s += EXPIRE) {
		assert_int_equal(find(1, now_s, &target), SESSION_ALIVE);
		assert_int_equal(target, 11);
	}
	assert_int_equal(find(1, NOW + 9 * EXPIRE + EXPIRE, &target), SESSION_ALIVE);
	assert_int_equal(find(1, NOW + 10 * EXPIRE + EXPIRE + 1, &target), SESSION_EXPIRED);
	assert_int_equal(claim(1, 12, 0, NOW + 11 * EXPIRE + 1), 12);
	assert_int_equal(find(1, NOW + 11 * EXPIRE + 1, &target), SESSION_ALIVE);
	assert_int_equal(target, 12);
	drop();
}

static void test_time_may_be_two_seconds_behind(void **state)
{
	uint64_t target;

	make(SESSIONS_LEAST);
	claim(1, 11, 0, NOW);
	assert_int_equal(find(1, NOW - 2, &target), SESSION_ALIVE);
	assert_int_equal(find(1, NOW - 3, &target), SESSION_EXPIRED);
	/* Looking from behind did not set the entry back. */
	assert_int_equal(find(1, NOW + EXPIRE, &target), SESSION_ALIVE);
	drop();
}

static void test_keys_are_listener_epoch_and_whole_address(void **state)
{
	struct address v4 = { .family = ADDRESS_IPV4, .ip = { 192, 0, 2, 1 }, .port = 1 };
	struct address v6 = { .family = ADDRESS_IPV6, .ip = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	struct address v6_other = { .family = ADDRESS_IPV6,
				    .ip = { 0x20, 1, 0xd, 0xb8, [15] = 2 } };
	struct session_key keys[] = {
		session_key_of(1, 0, &v4),       session_key_of(1, 1, &v4),
		session_key_of(2, 0, &v4),       session_key_of(1, 0, &v6),
		session_key_of(1, 0, &v6_other),
	};
	struct address later = v4;

	make(SESSIONS_LEAST);
	for (uint64_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct session_entry wanted = { keys[i], 100 + i, NOW, EXPIRE };
		uint64_t target;

		assert_int_equal(session_table_find(table, &keys[i], EXPIRE, NOW, &target),
				 SESSION_NONE);
		assert_int_equal(session_table_claim(table, &wanted, 0).target, 100 + i);
	}
	for (uint64_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t target = 0;

		assert_int_equal(session_table_find(table, &keys[i], EXPIRE, NOW, &target),
				 SESSION_ALIVE);
		assert_int_equal(target, 100 + i);
	}
	/* SP-22: whatever the client's port. */
	later.port = 65535;
	keys[1] = session_key_of(1, 0, &later);
	assert_memory_equal(&keys[0], &keys[1], sizeof(keys[0]));
	drop();
}

static void test_a_pin_moves_only_from_the_target_it_was_found_at(void **state)
{
	uint64_t target;

	make(SESSIONS_LEAST);
	assert_int_equal(claim(1, 11, 0, NOW), 11);
	assert_int_equal(claim(1, 12, 0, NOW), 11);
	assert_int_equal(claim(1, 12, 13, NOW), 11);
	assert_int_equal(claim(1, 12, 11, NOW), 12);
	/* Somebody was faster: his choice counts. */
	assert_int_equal(claim(1, 13, 11, NOW), 12);
	assert_int_equal(find(1, NOW, &target), SESSION_ALIVE);
	assert_int_equal(target, 12);
	drop();
}

static void test_touch_refreshes_its_own_target_only(void **state)
{
	struct session_entry old = entry(1, 11, NOW), new = entry(1, 12, NOW);
	uint64_t target;

	make(SESSIONS_LEAST);
	claim(1, 11, 0, NOW);
	claim(1, 12, 11, NOW);
	old.used_s = NOW + 50;
	session_table_touch(table, &old);
	assert_int_equal(find(1, NOW + EXPIRE + 1, &target), SESSION_EXPIRED);
	/* Expired: the close of a connection that was idle too long pins again. */
	old.used_s = NOW + EXPIRE + 1;
	session_table_touch(table, &old);
	assert_int_equal(find(1, NOW + EXPIRE + 1, &target), SESSION_ALIVE);
	assert_int_equal(target, 11);
	new.used_s = NOW + EXPIRE + 2;
	session_table_touch(table, &new);
	assert_int_equal(find(1, NOW + EXPIRE + 2, &target), SESSION_ALIVE);
	assert_int_equal(target, 11);
	drop();
}

static void test_holds_as_many_as_its_roof_and_then_the_oldest_go(void **state)
{
	const uint32_t most = 100000;
	struct session_statistics statistics;
	uint32_t kept = 0, kept_new = 0;
	uint64_t target;

	make(most);
	for (uint32_t n = 0; n < most; n++)
		claim(n, 1 + n, 0, NOW + n / 10000);
	session_table_statistics(table, &statistics);
	assert_int_equal(statistics.entries_most, most);
	assert_int_equal(statistics.entries + statistics.evicted, most);
	/* Sets that overflow before the table does are rare. */
	assert_true(statistics.evicted < most / 1000);
	for (uint32_t n = most; n < most + most / 10; n++)
		claim(n, 1 + n, 0, NOW + 20);
	session_table_statistics(table, &statistics);
	assert_true(statistics.entries <= most);
	assert_true(statistics.evicted >= most / 10);
	for (uint32_t n = most / 2; n < most; n++)
		kept += find(n, NOW + 20, &target) == SESSION_ALIVE && target == 1 + n;
	for (uint32_t n = most; n < most + most / 10; n++)
		kept_new += find(n, NOW + 20, &target) == SESSION_ALIVE && target == 1 + n;
	assert_true(kept > most / 2 - most / 200); /* the younger half is untouched */
	assert_true(kept_new > most / 10 - most / 1000);
	drop();
}

static void test_expired_entries_make_room_without_being_counted(void **state)
{
	struct session_statistics statistics;

	make(SESSIONS_LEAST);
	for (uint32_t n = 0; n < SESSIONS_LEAST; n++)
		claim(n, 1, 0, NOW);
	session_table_statistics(table, &statistics);
	uint64_t before = statistics.evicted;
	for (uint32_t n = 0; n < SESSIONS_LEAST / 2; n++)
		claim(1000000 + n, 1, 0, NOW + EXPIRE + 1);
	session_table_statistics(table, &statistics);
	assert_int_equal(statistics.evicted, before);
	drop();
}

static void test_sweep_frees_what_is_over_for_good(void **state)
{
	struct session_statistics statistics;
	uint32_t kept = 0;

	make(50000);
	for (uint32_t n = 0; n < 1000; n++)
		claim(n, 1, 0, n < 400 ? NOW : NOW + 1000);
	for (uint32_t i = 0; i < session_table_shards(table); i++)
		kept += session_table_sweep(table, i, NOW + SESSION_EXPIRE_MOST_S + 1);
	assert_int_equal(kept, 600);
	session_table_statistics(table, &statistics);
	assert_int_equal(statistics.entries, 600);
	assert_int_equal(session_table_sweep(table, UINT32_MAX, NOW), 0);
	drop();
}

static uint32_t copy_all(struct session_entry *out, uint32_t room, uint32_t now_s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < session_table_shards(table); i++)
		count += session_table_copy(table, i, now_s, out + count, room - count);
	return count;
}

static void test_copied_and_restored_entries_are_the_same(void **state)
{
	struct session_entry *saved = calloc(3000, sizeof(*saved));
	uint64_t target;
	uint32_t count;

	make(50000);
	for (uint32_t n = 0; n < 2000; n++)
		claim(n, 1 + n, 0, NOW + n % 50);
	count = copy_all(saved, 3000, NOW + 50);
	assert_int_equal(count, 2000);
	drop();
	make(4096);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(session_table_restore(table, &saved[i], NOW + 50), 0);
	for (uint32_t n = 0; n < 2000; n++) {
		assert_int_equal(find(n, NOW + 50, &target), SESSION_ALIVE);
		assert_int_equal(target, 1 + n);
	}
	/* An older record does not set back what happened since. */
	claim(1, 999, 2, NOW + 51);
	assert_int_equal(session_table_restore(table, &saved[0], NOW + 51), 0);
	find(1, NOW + 51, &target);
	assert_int_equal(target, 999);
	drop();
	free(saved);
}

static void test_restore_refuses_what_cannot_be_ours(void **state)
{
	struct session_entry good = entry(1, 1, NOW), bad;

	make(SESSIONS_LEAST);
	bad = good, bad.key.scope = 0;
	assert_int_equal(session_table_restore(table, &bad, NOW), -EINVAL);
	bad = good, bad.target = 0;
	assert_int_equal(session_table_restore(table, &bad, NOW), -EINVAL);
	bad = good, bad.target = LIMIT_NUMBER + 1;
	assert_int_equal(session_table_restore(table, &bad, NOW), -EINVAL);
	bad = good, bad.expire_s = SESSION_EXPIRE_LEAST_S - 1;
	assert_int_equal(session_table_restore(table, &bad, NOW), -EINVAL);
	bad = good, bad.expire_s = SESSION_EXPIRE_MOST_S + 1;
	assert_int_equal(session_table_restore(table, &bad, NOW), -EINVAL);
	bad = good, bad.used_s = NOW + 3;
	assert_int_equal(session_table_restore(table, &bad, NOW), -EINVAL);
	assert_int_equal(session_table_restore(table, &good, NOW), 0);
	for (uint32_t n = 2; n < 5 * SESSIONS_LEAST; n++) {
		bad = entry(n, 1, NOW);
		int result = session_table_restore(table, &bad, NOW);

		assert_true(result == 0 || result == -ENOSPC);
		assert_true(n > SESSIONS_LEAST / 2 || result == 0);
		assert_true(n < 2 * SESSIONS_LEAST || result == -ENOSPC);
	}
	drop();
}

static void test_another_shape_is_refused(void **state)
{
	struct session_table *other;

	make(SESSIONS_LEAST);
	assert_int_equal(session_table_open(memory, memory_size - SESSION_CELL_BYTES, &other),
			 -EBADMSG);
	assert_int_equal(session_table_open(memory, memory_size, &other), 0);
	session_table_close(other);
	((char *)memory)[8] ^= 1; /* version */
	assert_int_equal(session_table_open(memory, memory_size, &other), -EBADMSG);
	((char *)memory)[8] ^= 1;
	((char *)memory)[0] ^= 1; /* magic */
	assert_int_equal(session_table_open(memory, memory_size, &other), -EBADMSG);
	drop();
}

static pthread_barrier_t barrier;
static uint64_t agreed[THREADS][1000];

static void *claim_all(void *argument)
{
	uint64_t me = (uint64_t)(uintptr_t)argument;

	pthread_barrier_wait(&barrier);
	for (uint32_t n = 0; n < 1000; n++)
		agreed[me][n] = claim(n, me + 1, 0, NOW);
	return NULL;
}

static void test_first_connections_at_once_agree(void **state)
{
	pthread_t threads[THREADS];

	make(50000);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, claim_all, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	for (uint32_t n = 0; n < 1000; n++) {
		uint64_t target = 0;

		find(n, NOW, &target);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(agreed[i][n], target);
	}
	drop();
}

/* Client n is pinned to n * 10 + 1 .. n * 10 + 5 and to nothing else. */
static void write_for_ever(unsigned seed)
{
	for (uint64_t i = seed;; i++) {
		uint32_t n = (uint32_t)(i * 2654435761u) % KILL_CLIENTS;
		uint64_t target = 0;

		if (find(n, NOW + (uint32_t)i % 3, &target) != SESSION_ALIVE)
			target = 0;
		claim(n, (uint64_t)n * 10 + 1 + i % 5, target, NOW + (uint32_t)i % 3);
		if (i % 997 == 0)
			session_table_sweep(table, (uint32_t)i % session_table_shards(table), NOW);
	}
}

static void check_every_entry(struct session_entry *entries)
{
	uint32_t count = copy_all(entries, 2 * KILL_CLIENTS, NOW);

	assert_true(count <= KILL_CLIENTS);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n;

		memcpy(&n, entries[i].key.ip + 12, sizeof(n));
		assert_true(n < KILL_CLIENTS);
		assert_true(entries[i].target / 10 == n || entries[i].target == n * 10ull + 10);
		assert_in_range(entries[i].target % 10, 1, 5);
		assert_in_range(entries[i].used_s, NOW, NOW + 2);
		assert_int_equal(entries[i].expire_s, EXPIRE);
	}
}

static void test_killed_writers_leave_a_sound_table(void **state)
{
	struct session_entry *entries = calloc(2 * KILL_CLIENTS, sizeof(*entries));
	struct session_statistics statistics;

	make(KILL_CLIENTS * 2);
	for (unsigned round = 0; round < KILL_ROUNDS; round++) {
		struct timespec pause = { .tv_nsec = 1000000 + round * 137000l % 3000000 };
		pid_t writers[2];

		for (unsigned i = 0; i < 2; i++) {
			writers[i] = fork();
			assert_true(writers[i] >= 0);
			if (writers[i] == 0)
				write_for_ever(round * 7919 + i);
		}
		nanosleep(&pause, NULL);
		for (int i = 0; i < 2; i++)
			kill(writers[i], SIGKILL);
		for (int i = 0; i < 2; i++)
			assert_int_equal(waitpid(writers[i], NULL, 0), writers[i]);
		check_every_entry(entries);
	}
	session_table_statistics(table, &statistics);
	assert_int_equal(statistics.dropped, 0); /* nothing was ever half-written */
	print_message("%llu locks were taken from the dead\n",
		      (unsigned long long)statistics.recovered);
	/* And the count is right again after a round of sweeping. */
	for (uint32_t i = 0; i < session_table_shards(table); i++)
		session_table_sweep(table, i, NOW);
	session_table_statistics(table, &statistics);
	assert_int_equal(statistics.entries, copy_all(entries, 2 * KILL_CLIENTS, NOW));
	drop();
	free(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins_and_expires_by_idle_time),
		cmocka_unit_test(test_time_may_be_two_seconds_behind),
		cmocka_unit_test(test_keys_are_listener_epoch_and_whole_address),
		cmocka_unit_test(test_a_pin_moves_only_from_the_target_it_was_found_at),
		cmocka_unit_test(test_touch_refreshes_its_own_target_only),
		cmocka_unit_test(test_holds_as_many_as_its_roof_and_then_the_oldest_go),
		cmocka_unit_test(test_expired_entries_make_room_without_being_counted),
		cmocka_unit_test(test_sweep_frees_what_is_over_for_good),
		cmocka_unit_test(test_copied_and_restored_entries_are_the_same),
		cmocka_unit_test(test_restore_refuses_what_cannot_be_ours),
		cmocka_unit_test(test_another_shape_is_refused),
		cmocka_unit_test(test_first_connections_at_once_agree),
		cmocka_unit_test(test_killed_writers_leave_a_sound_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
