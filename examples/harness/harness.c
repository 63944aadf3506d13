/* A harness in C99 for `segloss-conformance check`: docs/protocol.md is the specification.
 *
 *   cc -O2 -std=c99 -o harness harness.c -lm
 *   segloss-conformance check ./harness --framework process --as dice_loss --arg 'smooth=$smooth'
 *   segloss-conformance check ./harness --framework process --as binary_cross_entropy --takes logit
 *
 * Put your own function in place of dice_loss or binary_cross_entropy and its name into `table`; the rest is plumbing. The
 * suite writes one compact JSON object a line with keys in a fixed order, so that a scanner of a few lines can read it.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The functions under test: value returned, gradient written where it is asked for. --------------------------------- */

typedef double (*parameter_reader)(const char *name, double otherwise);

static double dice_loss(size_t n, const double *p, const double *y, parameter_reader parameter, double *gradient)
{
    double smooth = parameter("smooth", 1e-5), both = 0, sizes = 0;
    for (size_t i = 0; i < n; i++) {
        both += p[i] * y[i];
        sizes += p[i] + y[i];
    }
    double above = 2 * both + smooth, below = sizes + smooth;
    for (size_t i = 0; gradient && i < n; i++)
        gradient[i] = (above / below - 2 * y[i]) / below;
    return 1 - above / below;
}

static double binary_cross_entropy(size_t n, const double *z, const double *y, parameter_reader parameter, double *gradient)
{
    (void)parameter;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double tail = log1p(exp(-fabs(z[i]))); /* log(1 + e^-|z|): neither overflows nor cancels */
        sum += y[i] * (fmax(-z[i], 0) + tail) + (1 - y[i]) * (fmax(z[i], 0) + tail);
        if (gradient) {
            double small = exp(-fabs(z[i])), far = small / (1 + small), near = 1 / (1 + small);
            double q = z[i] > 0 ? far : near, p = z[i] > 0 ? near : far;
            gradient[i] = ((1 - y[i]) * p - y[i] * q) / (double)n;
        }
    }
    return sum / (double)n;
}

static const struct {
    const char *spec;
    double (*function)(size_t, const double *, const double *, parameter_reader, double *);
} table[] = {{"dice_loss", dice_loss}, {"binary_cross_entropy", binary_cross_entropy}};

/* ---- The protocol. ---------------------------------------------------------------------------------------------------- */

static const char *parameters; /* the part of the request that holds them */

static double parameter(const char *name, double otherwise)
{
    char key[80];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = parameters ? strstr(parameters, key) : NULL;
    return found ? strtod(found + strlen(key), NULL) : otherwise;
}

/* The elements of the array called `name`, freshly allocated; NULL where its dtype is not float64. */
static double *array(const char *line, const char *name, size_t *n)
{
    char key[80];
    snprintf(key, sizeof key, "\"%s\":{\"dtype\":\"float64\",\"shape\":[", name);
    const char *found = strstr(line, key);
    if (!found || !(found = strstr(found, "\"bits\":\"")))
        return NULL;
    found += 8;
    *n = strcspn(found, "\"") / 16;
    double *values = malloc((*n + 1) * sizeof *values);
    for (size_t i = 0; i < *n; i++) {
        char digits[17] = {0};
        memcpy(digits, found + 16 * i, 16);
        uint64_t bits = (uint64_t)strtoull(digits, NULL, 16);
        memcpy(values + i, &bits, sizeof bits);
    }
    return values;
}

static void print_bits(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, values + i, sizeof bits);
        printf("%016" PRIx64, bits);
    }
}

static void answer(const char *line)
{
    const char *found = strstr(line, "\"seq\":");
    long seq = found ? strtol(found + 6, NULL, 10) : 0;
    int gradient_wanted = strstr(line, "\"cmd\":\"grad\"") != NULL;
    size_t n = 0, n_target = 0;
    double *pred = array(line, "pred", &n), *target = array(line, "target", &n_target);
    size_t k = 0, known = sizeof table / sizeof *table;
    char key[80];
    for (; k < known; k++) {
        snprintf(key, sizeof key, "\"spec\":\"%s\"", table[k].spec);
        if (strstr(line, key))
            break;
    }
    parameters = strstr(line, "\"parameters\":");
    if (k == known) {
        printf("{\"seq\":%ld,\"unsupported\":\"no such function\"}\n", seq);
    } else if (!pred || !target) {
        printf("{\"seq\":%ld,\"unsupported\":\"arrays of float64 only\"}\n", seq);
    } else if (n != n_target) {
        printf("{\"seq\":%ld,\"error\":\"pred has %zu elements, target %zu\"}\n", seq, n, n_target);
    } else {
        double *gradient = gradient_wanted ? malloc((n + 1) * sizeof *gradient) : NULL;
        double value = table[k].function(n, pred, target, parameter, gradient);
        if (gradient) { /* in the shape of pred, copied from the request */
            const char *shape = strstr(strstr(line, "\"pred\":"), "\"shape\":");
            printf("{\"seq\":%ld,\"gradient\":{\"dtype\":\"float64\",%.*s],\"bits\":\"", seq, (int)strcspn(shape, "]"), shape);
            print_bits(gradient, n);
        } else {
            printf("{\"seq\":%ld,\"value\":{\"dtype\":\"float64\",\"shape\":[],\"bits\":\"", seq);
            print_bits(&value, 1);
        }
        printf("\"}}\n");
        free(gradient);
    }
    free(pred);
    free(target);
}

int main(void)
{
    size_t size = 1 << 24;
    char *line = malloc(size);
    while (line && fgets(line, (int)size, stdin)) {
        if (strstr(line, "\"cmd\":\"stop\""))
            break;
        if (strstr(line, "\"cmd\":\"start\""))
            puts("{\"version\":1}");
        else
            answer(line);
        fflush(stdout);
    }
    free(line);
    return 0;
}
