/* A B-tree of order 8 on libpmemobj's transactions: 8-byte keys and values, one transaction per insert and per removal.
 *
 *   pmdk-btree --pool PATH [--pool-mib 512] [--keys 1000000] [--seed 42]
 *
 * Input lines, K keys each, in the order of peer.h's sequence; each phase goes on where its last line stopped:
 *   insert K   the next K keys that are not in yet
 *   lookup K   the next K of the inserted keys, round and round; fails if a value is missing or wrong
 *   remove K   the next K keys from the beginning; fails if one is missing
 *   key I      answers the I-th key in two halves of 32 bits, `high=` and `low=`
 *   check      walks the tree: order, fill and depth; answers `keys=`
 *
 * The tree is Bayer and McCreight's with the insertion of Cormen et al. (full nodes are split on the way down) and removal that
 * repairs on the way up. A node is one cache-line-aligned-size object; each node a transaction changes is snapshotted once, whole.
 */
#include <stdbool.h>
#include "pmdk.h"

enum { ORDER = 8, MAX_ITEMS = ORDER - 1, MIN_ITEMS = ORDER / 2 - 1, MAX_DEPTH = 32 };

struct item {
    uint64_t key;
    uint64_t value;
};

struct node {
    uint64_t count;
    struct item items[MAX_ITEMS];
    PMEMoid children[ORDER]; /* all null in a leaf */
};

struct tree {
    PMEMoid root;
};

static struct tree *s_tree;
static uint64_t s_seed, s_keys;
static uint64_t s_inserted, s_looked_up, s_removed;

static struct node *node_of(PMEMoid oid) { return pmemobj_direct(oid); }
static bool is_leaf(const struct node *node) { return OID_IS_NULL(node->children[0]); }
static void change(struct node *node) { pmemobj_tx_add_range_direct(node, sizeof *node); }

/* The place of the first item whose key is not below the given one. */
static uint64_t place_of(const struct node *node, uint64_t key)
{
    uint64_t place = 0;
    while (place < node->count && node->items[place].key < key)
        place++;
    return place;
}

static bool holds(const struct node *node, uint64_t place, uint64_t key)
{
    return place < node->count && node->items[place].key == key;
}

static void open_gap(struct node *node, uint64_t place)
{
    memmove(&node->items[place + 1], &node->items[place], (node->count - place) * sizeof node->items[0]);
    memmove(&node->children[place + 2], &node->children[place + 1], (node->count - place) * sizeof node->children[0]);
    node->count++;
}

/* Takes out the item at the place and the child after it. */
static void close_gap(struct node *node, uint64_t place)
{
    node->count--;
    memmove(&node->items[place], &node->items[place + 1], (node->count - place) * sizeof node->items[0]);
    memmove(&node->children[place + 1], &node->children[place + 2], (node->count - place) * sizeof node->children[0]);
    node->children[node->count + 1] = OID_NULL;
}

static PMEMoid new_node(void) { return pmemobj_tx_zalloc(sizeof(struct node), 1); }

/* Splits the full child at the place in two around its middle item, which moves up. Both nodes are already part of the transaction. */
static void split_child(struct node *parent, uint64_t place, struct node *child)
{
    PMEMoid right_oid = new_node();
    struct node *right = node_of(right_oid);
    right->count = MAX_ITEMS - MIN_ITEMS - 1;
    memcpy(right->items, &child->items[MIN_ITEMS + 1], right->count * sizeof right->items[0]);
    memcpy(right->children, &child->children[MIN_ITEMS + 1], (right->count + 1) * sizeof right->children[0]);
    child->count = MIN_ITEMS;
    memset(&child->children[MIN_ITEMS + 1], 0, (right->count + 1) * sizeof child->children[0]);

    open_gap(parent, place);
    parent->items[place] = child->items[MIN_ITEMS];
    parent->children[place + 1] = right_oid;
}

static void insert_in_transaction(uint64_t key, uint64_t value)
{
    if (OID_IS_NULL(s_tree->root)) {
        pmemobj_tx_add_range_direct(s_tree, sizeof *s_tree);
        s_tree->root = new_node();
    }
    struct node *node = node_of(s_tree->root);
    if (node->count == MAX_ITEMS) {
        PMEMoid root_oid = new_node();
        struct node *root = node_of(root_oid);
        pmemobj_tx_add_range_direct(s_tree, sizeof *s_tree);
        change(node);
        root->children[0] = s_tree->root;
        s_tree->root = root_oid;
        split_child(root, 0, node);
        node = root;
    }
    for (;;) {
        uint64_t place = place_of(node, key);
        if (holds(node, place, key)) {
            change(node);
            node->items[place].value = value;
            return;
        }
        if (is_leaf(node)) {
            change(node);
            open_gap(node, place);
            node->items[place] = (struct item){ key, value };
            return;
        }
        struct node *child = node_of(node->children[place]);
        if (child->count == MAX_ITEMS) {
            change(node);
            change(child);
            split_child(node, place, child);
            continue; /* the middle item may be the key, or send us to the right half */
        }
        node = child;
    }
}

/* Refills the child at the place, which holds one item too few, from a sibling, or joins the two. The parent is part of the transaction. */
static void refill_child(struct node *parent, uint64_t place)
{
    struct node *child = node_of(parent->children[place]);
    struct node *left = place > 0 ? node_of(parent->children[place - 1]) : NULL;
    struct node *right = place < parent->count ? node_of(parent->children[place + 1]) : NULL;

    if (left != NULL && left->count > MIN_ITEMS) {
        change(left);
        change(child);
        memmove(&child->children[1], &child->children[0], (child->count + 1) * sizeof child->children[0]);
        memmove(&child->items[1], &child->items[0], child->count * sizeof child->items[0]);
        child->count++;
        child->items[0] = parent->items[place - 1];
        child->children[0] = left->children[left->count];
        left->children[left->count] = OID_NULL;
        parent->items[place - 1] = left->items[--left->count];
        return;
    }
    if (right != NULL && right->count > MIN_ITEMS) {
        change(right);
        change(child);
        child->items[child->count] = parent->items[place];
        child->children[++child->count] = right->children[0];
        parent->items[place] = right->items[0];
        right->count--;
        memmove(&right->items[0], &right->items[1], right->count * sizeof right->items[0]);
        memmove(&right->children[0], &right->children[1], (right->count + 1) * sizeof right->children[0]);
        right->children[right->count + 1] = OID_NULL;
        return;
    }

    uint64_t between = left != NULL ? place - 1 : place;
    struct node *into = left != NULL ? left : child;
    struct node *from = left != NULL ? child : right;
    PMEMoid from_oid = parent->children[between + 1];
    change(into);
    into->items[into->count] = parent->items[between];
    memcpy(&into->items[into->count + 1], from->items, from->count * sizeof into->items[0]);
    memcpy(&into->children[into->count + 1], from->children, (from->count + 1) * sizeof into->children[0]);
    into->count += 1 + from->count;
    close_gap(parent, between);
    pmemobj_tx_free(from_oid);
}

static bool remove_in_transaction(uint64_t key)
{
    if (OID_IS_NULL(s_tree->root))
        return false;
    struct node *path[MAX_DEPTH];
    uint64_t places[MAX_DEPTH];
    int depth = 0;
    struct node *node = node_of(s_tree->root);
    uint64_t place = place_of(node, key);
    while (!holds(node, place, key)) {
        if (is_leaf(node))
            return false;
        path[depth] = node;
        places[depth++] = place;
        node = node_of(node->children[place]);
        place = place_of(node, key);
    }

    if (!is_leaf(node)) {
        /* The item's place is taken by its predecessor, the last item of the rightmost leaf on its left. */
        struct node *holder = node;
        uint64_t holder_place = place;
        while (!is_leaf(node)) {
            path[depth] = node;
            places[depth++] = place;
            node = node_of(node->children[place]);
            place = node->count;
        }
        place = node->count - 1;
        change(holder);
        holder->items[holder_place] = node->items[place];
    }
    change(node);
    close_gap(node, place);

    while (depth > 0 && node->count < MIN_ITEMS) {
        node = path[--depth];
        change(node);
        refill_child(node, places[depth]);
    }
    struct node *root = node_of(s_tree->root);
    if (root->count == 0) {
        PMEMoid emptied = s_tree->root;
        pmemobj_tx_add_range_direct(s_tree, sizeof *s_tree);
        s_tree->root = root->children[0];
        pmemobj_tx_free(emptied);
    }
    return true;
}

static bool lookup(uint64_t key, uint64_t *value)
{
    for (PMEMoid oid = s_tree->root; !OID_IS_NULL(oid);) {
        const struct node *node = node_of(oid);
        uint64_t place = place_of(node, key);
        if (holds(node, place, key)) {
            *value = node->items[place].value;
            return true;
        }
        oid = node->children[place];
    }
    return false;
}

static void insert_key(uint64_t index)
{
    uint64_t key = splitmix64_at(s_seed, index);
    TX_BEGIN(s_pool) {
        insert_in_transaction(key, ~key);
    } TX_ONABORT {
        die("pmdk-btree: insert %" PRIu64 " aborted: %s", index, pmemobj_errormsg());
    } TX_END
}

static void remove_key(uint64_t index)
{
    volatile bool removed = false;
    TX_BEGIN(s_pool) {
        removed = remove_in_transaction(splitmix64_at(s_seed, index));
    } TX_ONABORT {
        die("pmdk-btree: removal %" PRIu64 " aborted: %s", index, pmemobj_errormsg());
    } TX_END
    if (!removed)
        die("pmdk-btree: key %" PRIu64 " is missing on removal", index);
}

static void lookup_key(uint64_t index)
{
    uint64_t key = splitmix64_at(s_seed, index), value;
    if (!lookup(key, &value) || value != ~key)
        die("pmdk-btree: key %" PRIu64 " is missing or has a wrong value", index);
}

/* Counts the keys of a subtree, all strictly between the bounds given as found so far; ends the program on a broken rule. */
static uint64_t check_subtree(PMEMoid oid, int depth, int *leaf_depth, uint64_t *previous, bool *any)
{
    const struct node *node = node_of(oid);
    uint64_t keys = node->count;
    if (node->count > MAX_ITEMS || (depth > 0 && node->count < MIN_ITEMS))
        die("pmdk-btree: a node at depth %d holds %" PRIu64 " items", depth, node->count);
    if (is_leaf(node)) {
        if (*leaf_depth < 0)
            *leaf_depth = depth;
        if (*leaf_depth != depth)
            die("pmdk-btree: leaves at depths %d and %d", *leaf_depth, depth);
    }
    for (uint64_t i = 0; i <= node->count; i++) {
        if (!is_leaf(node))
            keys += check_subtree(node->children[i], depth + 1, leaf_depth, previous, any);
        if (i == node->count)
            break;
        if (*any && node->items[i].key <= *previous)
            die("pmdk-btree: keys out of order at depth %d", depth);
        *previous = node->items[i].key;
        *any = true;
    }
    return keys;
}

static void answer(const char *line)
{
    uint64_t count = 0;
    if (strcmp(line, "check") == 0) {
        int leaf_depth = -1;
        uint64_t previous = 0;
        bool any = false;
        printf("keys=%" PRIu64 "\n", OID_IS_NULL(s_tree->root) ? 0 : check_subtree(s_tree->root, 0, &leaf_depth, &previous, &any));
        return;
    }

    if (sscanf(line, "key %" SCNu64, &count) == 1) {
        uint64_t key = splitmix64_at(s_seed, count);
        printf("high=%" PRIu64 " low=%" PRIu64 "\n", key >> 32, key & UINT32_MAX);
        return;
    }

    struct counts before = counts_now();
    if (sscanf(line, "insert %" SCNu64, &count) == 1 && count <= s_keys - s_inserted) {
        uint64_t start = now_ns();
        for (uint64_t i = 0; i < count; i++)
            insert_key(s_inserted + i);
        s_inserted += count;
        print_batch(now_ns() - start, count, before);
    } else if (sscanf(line, "lookup %" SCNu64, &count) == 1 && s_inserted > 0 && s_removed == 0) {
        uint64_t start = now_ns();
        for (uint64_t i = 0; i < count; i++) {
            lookup_key(s_looked_up);
            s_looked_up = s_looked_up + 1 == s_inserted ? 0 : s_looked_up + 1;
        }
        print_batch(now_ns() - start, count, before);
    } else if (sscanf(line, "remove %" SCNu64, &count) == 1 && count <= s_inserted - s_removed) {
        uint64_t start = now_ns();
        for (uint64_t i = 0; i < count; i++)
            remove_key(s_removed + i);
        s_removed += count;
        print_batch(now_ns() - start, count, before);
    } else {
        printf("error '%s' is unknown or out of the keys' range\n", line);
    }
}

int main(int argc, char **argv)
{
    create_pool(argc, argv, "cscm-bench-btree", 512);
    s_keys = number_option(argc, argv, "--keys", 1000000);
    s_seed = number_option(argc, argv, "--seed", 42);
    s_tree = pmemobj_direct(pmemobj_root(s_pool, sizeof *s_tree));
    if (s_tree == NULL)
        die("pmdk-btree: no root object: %s", pmemobj_errormsg());
    serve(answer);
    return 0;
}
