#pragma once

/*
 * The addresses that all endpoints together may have beyond the first of each: so many, or two per endpoint
 * where that is more. A name server decides how many there are, and a hostile server fills 28 KB for each.
 */

#include <stddef.h>

#define ADDRESS_BUDGET_MIN          4096
#define ADDRESS_BUDGET_PER_ENDPOINT 2

typedef struct AddressBudget {
    size_t n_endpoints;
    size_t used;
} AddressBudget;

size_t address_budget_max(const AddressBudget *budget);

/* How many of its n addresses, at least 1, an endpoint may have. *part is what it uses of the budget. */
size_t address_budget_admit(AddressBudget *budget, size_t *part, size_t n);

/* It uses nothing of it any more. */
void address_budget_release(AddressBudget *budget, size_t *part);
