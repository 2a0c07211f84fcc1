package register

// Long is for tests of package register_test.
var Long = long
