#include "monitor/address-budget.h"

size_t address_budget_max(const AddressBudget *budget)
{
    size_t by_endpoints = ADDRESS_BUDGET_PER_ENDPOINT * budget->n_endpoints;
    return by_endpoints > ADDRESS_BUDGET_MIN ? by_endpoints : ADDRESS_BUDGET_MIN;
}

size_t address_budget_admit(AddressBudget *budget, size_t *part, size_t n)
{
    address_budget_release(budget, part);
    size_t max = address_budget_max(budget), room = budget->used < max ? max - budget->used : 0;
    *part = n - 1 < room ? n - 1 : room;
    budget->used += *part;
    return 1 + *part;
}

void address_budget_release(AddressBudget *budget, size_t *part)
{
    budget->used -= *part;
    *part = 0;
}
