/* Hold a loss in C against the test vectors: docs/vectors.md says what the columns are.
 *
 *   cc -O2 -std=c99 -o vectors vectors.c -lm && ./vectors ../../vectors/losses.tsv
 *
 * Put your own function in place of tversky_loss. Exit code 1 where a vector fails; a failure names the bugs that go wrong there. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID, SPEC, FORM, FLAGS, PARAMETERS, ARRAYS, VALUE, LIMIT, LIMIT32, GRADIENT, GRADIENT_LIMIT, COLUMNS = 13, MOST = 4096 };
static char line[1 << 20], *column[COLUMNS];

static double number(const char *bits, int digits) /* 16 digits: a double; 2: a byte */
{
    char text[17] = {0};
    double found;
    uint64_t word = strtoull(strncpy(text, bits, (size_t)digits), NULL, 16);
    return digits == 16 ? memcpy(&found, &word, sizeof found), found : (double)word;
}

static size_t array(const char *text, double *into) /* "float64:2x3:3ff0..." */
{
    int digits = strncmp(text, "uint8", 5) ? 16 : 2;
    const char *bits = strchr(strchr(text, ':') + 1, ':') + 1;
    size_t n = strspn(bits, "0123456789abcdef") / (size_t)digits;
    for (size_t i = 0; i < n; i++) into[i] = number(bits + i * (size_t)digits, digits);
    return n;
}

static const char *parameter(const char *name) { return strchr(strstr(column[PARAMETERS], name), '=') + 1; }

/* ---- The function under test: value returned, gradient by the probability or logit written. ---------------------------- */

static double tversky_loss(size_t n, const double *x, const double *y, double *gradient)
{
    double a = number(parameter("fp_weight"), 16), b = number(parameter("fn_weight"), 16), tp = 0, fp = 0, fn = 0;
    double above = number(parameter("smooth"), 16), below = number(parameter("smooth") + 17, 16);
    int logits = *parameter("from_logits") == 't';
    for (size_t i = 0; i < n; i++) {
        double p = logits ? 1 / (1 + exp(-x[i])) : x[i], q = logits ? 1 / (1 + exp(x[i])) : 1 - x[i];
        tp += p * y[i], fp += p * (1 - y[i]), fn += q * y[i];
    }
    double lost = a * fp + b * fn + (below - above), all = tp + above + lost;
    for (size_t i = 0; i < n; i++) {
        double chain = logits ? 1 / (1 + exp(-x[i])) / (1 + exp(x[i])) : 1;
        gradient[i] = all == 0 ? 0 : chain * ((a * (1 - y[i]) - b * y[i]) * (tp + above) - lost * y[i]) / all / all;
    }
    return all == 0 ? 0 : lost / all;
}

/* ---- The vectors. ------------------------------------------------------------------------------------------------------ */

static int wrong(const double *got, const char *truth, const char *limit)
{
    static double want[MOST], most[MOST];
    size_t n = array(truth, want);
    array(limit, most);
    for (size_t i = 0; i < n; i++)
        if (!(got[i] == want[i] || (isnan(got[i]) && isnan(want[i])) || fabs(got[i] - want[i]) <= most[i])) return 1;
    return 0;
}

int main(int count, char **names)
{
    static double x[MOST], y[MOST], gradient[MOST];
    int run = 0, failed = 0;
    FILE *file = count > 1 ? fopen(names[1], "r") : NULL;
    if (!file) return fprintf(stderr, "usage: vectors losses.tsv\n"), 2;
    while (fgets(line, sizeof line, file)) {
        int k = 0;
        for (char *next = strtok(line, "\t\n"); next && k < COLUMNS; next = strtok(NULL, "\t\n")) column[k++] = next;
        if (k < COLUMNS || strcmp(column[SPEC], "tversky_loss") || strcmp(column[FORM], "region")) continue;
        size_t n = array(strstr(column[ARRAYS], "pred=") + 5, x);
        array(strstr(column[ARRAYS], "target=") + 7, y);
        double value = tversky_loss(n, x, y, gradient);
        int slope = *column[GRADIENT] != '-' && wrong(gradient, column[GRADIENT], column[GRADIENT_LIMIT]);
        int bad = wrong(&value, column[VALUE], column[LIMIT]) || slope;
        run++, failed += bad;
        if (bad) printf("FAIL %s (got %.17g%s); wrong here: %s\n", column[ID], value, slope ? ", wrong gradient" : "", column[FLAGS]);
    }
    printf("%d vectors run, %d failed\n", run, failed);
    return failed > 0 || run == 0;
}
