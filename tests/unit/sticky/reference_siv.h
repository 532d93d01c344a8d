/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-SIV written a second time, straight from RFC 5297 over OpenSSL's CMAC and counter mode, so
 * that the product's tokens are checked by something that is not the product's cipher.
 */
#ifndef UNIT_STICKY_REFERENCE_SIV_H
#define UNIT_STICKY_REFERENCE_SIV_H

#include <stddef.h>
#include <stdint.h>

struct siv_message {
	const uint8_t *key; /* 32 bytes */
	const uint8_t *associated;
	size_t associated_size;
	const uint8_t *plain;
	size_t plain_size; /* at most 64 */
};

/* The synthetic IV (16 bytes), then plain_size bytes. Fails the test when OpenSSL fails. */
void reference_siv(const struct siv_message *message, uint8_t *ret_sealed);

#endif
