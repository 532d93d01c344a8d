/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5297 sections 2.3, 2.4 and 2.6 with one associated string. */
#include "unit.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "reference_siv.h"

static void reference_cmac(const uint8_t *key, const uint8_t *data, size_t size, uint8_t mac[16])
{
	EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(algorithm);
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char[]){ "AES-128-CBC" },
						 0),
		OSSL_PARAM_construct_end(),
	};
	size_t written;

	assert_non_null(context);
	assert_int_equal(EVP_MAC_init(context, key, 16, parameters), 1);
	assert_int_equal(EVP_MAC_update(context, data, size), 1);
	assert_int_equal(EVP_MAC_final(context, mac, &written, 16), 1);
	assert_int_equal(written, 16);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(algorithm);
}

static void reference_double(uint8_t block[16])
{
	uint8_t carry = block[0] >> 7;

	for (int i = 0; i < 15; i++)
		block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
	block[15] = (uint8_t)(block[15] << 1 ^ (carry ? 0x87 : 0));
}

static void reference_s2v(const struct siv_message *message, uint8_t iv[16])
{
	const uint8_t zero[16] = { 0 };
	uint8_t d[16], mac[16], last[64] = { 0 };

	assert_true(message->plain_size <= sizeof(last));
	reference_cmac(message->key, zero, sizeof(zero), d);
	reference_double(d);
	reference_cmac(message->key, message->associated, message->associated_size, mac);
	for (int i = 0; i < 16; i++)
		d[i] ^= mac[i];
	memcpy(last, message->plain, message->plain_size);
	if (message->plain_size >= 16) {
		for (int i = 0; i < 16; i++)
			last[message->plain_size - 16 + (size_t)i] ^= d[i];
		reference_cmac(message->key, last, message->plain_size, iv);
		return;
	}
	last[message->plain_size] = 0x80;
	reference_double(d);
	for (int i = 0; i < 16; i++)
		last[i] ^= d[i];
	reference_cmac(message->key, last, 16, iv);
}

void reference_siv(const struct siv_message *message, uint8_t *ret_sealed)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t counter[16];
	int size;

	reference_s2v(message, ret_sealed);
	memcpy(counter, ret_sealed, 16);
	counter[8] &= 0x7f;
	counter[12] &= 0x7f;
	assert_non_null(context);
	assert_int_equal(
		EVP_EncryptInit_ex2(context, EVP_aes_128_ctr(), message->key + 16, counter, NULL),
		1);
	assert_int_equal(EVP_EncryptUpdate(context, ret_sealed + 16, &size, message->plain,
					   (int)message->plain_size),
			 1);
	EVP_CIPHER_CTX_free(context);
}
