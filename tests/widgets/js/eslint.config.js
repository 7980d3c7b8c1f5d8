// The rules for the widgets' JavaScript and its tests. All are errors.
const ofThePage = [
  "document", "window", "matchMedia", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval",
  "requestAnimationFrame", "cancelAnimationFrame", "DOMPoint",
];
const ofNode = ["process", "URL"];
const known = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));
const always = [
  "no-undef", "no-unused-vars", "no-use-before-define", "no-var", "prefer-const", "eqeqeq", "no-shadow",
  "no-redeclare", "no-dupe-keys", "no-dupe-args", "no-dupe-else-if", "no-duplicate-case", "no-duplicate-imports",
  "no-unreachable", "no-unreachable-loop", "no-self-compare", "no-self-assign", "no-const-assign", "no-func-assign",
  "no-import-assign", "no-constant-condition", "no-constant-binary-expression", "no-cond-assign", "no-fallthrough",
  "no-sparse-arrays", "no-template-curly-in-string", "no-unsafe-optional-chaining", "no-unsafe-negation",
  "no-loss-of-precision", "no-unmodified-loop-condition", "use-isnan", "valid-typeof", "array-callback-return",
  "no-implicit-globals", "no-eval", "no-implied-eval", "no-new-func", "no-empty", "no-useless-escape", "no-useless-return",
  "object-shorthand", "no-else-return",
];
const rules = Object.fromEntries(always.map((rule) => [rule, "error"]));
rules["no-use-before-define"] = ["error", { functions: false, variables: false }];
rules["max-len"] = ["error", { code: 200, ignoreTemplateLiterals: true, ignoreStrings: true }];

export default [
  { ignores: ["**/node_modules/"] },
  {
    files: ["metalearn_course/widgets/static/*.js"],
    languageOptions: { ecmaVersion: 2023, sourceType: "module", globals: known(ofThePage) },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules,
  },
  {
    files: ["metalearn_course/widgets/static/logic.js"], // no page
    languageOptions: { globals: Object.fromEntries(ofThePage.map((name) => [name, "off"])) },
  },
  {
    files: ["tests/widgets/js/*.mjs", "tests/widgets/js/*.js"],
    languageOptions: { ecmaVersion: 2023, sourceType: "module", globals: known(ofNode) },
    rules,
  },
];
